"""What a run leaves behind, for people and for programs.

Glossary
    result      the directory a run writes: findings, tables, summary and page, of one run
    page        ``report.html``: one file that loads nothing and runs nothing
    severity    the order of findings: least p-value first, then highest score
    exemplar    a prompt quoted from the log; shown with what it hides made visible
"""
