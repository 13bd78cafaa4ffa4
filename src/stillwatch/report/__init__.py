"""What a run leaves behind, for people and for programs.

Glossary
    result      the directory a run writes: findings, tables, summary and page, of one run
    page        ``report.html``: one file that loads nothing and runs nothing
    severity    the order of findings: least p-value first, then highest score
    exemplar    a prompt quoted from the log; shown with what it hides made visible
"""

from stillwatch.report.result import Result, read_result, write_result
from stillwatch.report.schema import ACCOUNTS_RESULT_SCHEMA, CAMPAIGNS_RESULT_SCHEMA
from stillwatch.report.terminal import print_summary

__all__ = [
    "ACCOUNTS_RESULT_SCHEMA",
    "CAMPAIGNS_RESULT_SCHEMA",
    "Result",
    "print_summary",
    "read_result",
    "write_result",
]
