"""Measures a detection result against known truth.

``evaluate`` compares the directory that ``stillwatch detect`` wrote with a labels table and
returns an ``Evaluation``: ranking, flags, calibration, campaigns, each with its uncertainty.

Glossary
    FPR    false-positive rate: share of innocent accounts at or above a threshold
    FDR    false-discovery rate: share of the flagged accounts that are innocent
    kind   a population of innocents or a tactic of campaigns
"""

from stillwatch.evaluation.load import Judged, load
from stillwatch.evaluation.report import Campaigns, Evaluation, Restricted, assess, evaluate

__all__ = ["Campaigns", "Evaluation", "Judged", "Restricted", "assess", "evaluate", "load"]
