"""The field policy: what may leave a house, as data and one check (ADR 0012).

Glossary
    kind        of claim; its YAML file lists every field that may be in it
    refusal     a field that may not be so, with the reason
    list        the only values that a field may take
    heading     something that can never leave, e.g. prices
    bits        what a dishonest publisher could choose freely, as a logarithm
    narrowing   a member's own, stricter policy

>>> check_claim({"type": "campaign"})[0].reason
'is missing: only claims may be here'
"""

from stillwatch.intel.policy.check import check_claim, require_lawful
from stillwatch.intel.policy.refusal import Directory, ExtraCheck, Refusal

__all__ = ["Directory", "ExtraCheck", "Refusal", "check_claim", "require_lawful"]
