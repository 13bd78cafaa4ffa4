"""What makes a group one job, in sentences: the facets of its cohesion that stand out."""

import numpy as np

from stillwatch.campaigns.cohesion import NAMES
from stillwatch.detection.pooled import FACETS, GroupTest
from stillwatch.domain.finding import Reason

_MOST = 4
_NOTEWORTHY = 0.5  # spreads of the natural groups

SENTENCES: dict[str, str] = {
    "locality": "Its accounts have no topics of their own: two prompts of one account are no "
    "closer than prompts of two accounts (log ratio {value:.2f}; natural groups {typical:.2f}).",
    "overlap": "Its accounts share the prompts out: {value:.1%} of the scaffolded prompts occur at "
    "a second account (natural groups {typical:.1%}).",
    "content_unity": "What its accounts ask is exchangeable: agreement between accounts is "
    "{value:.0%} of that within an account (natural groups {typical:.0%}).",
    "hour_unity": "Its accounts keep the same hours: {value:.0%} of the agreement within an "
    "account (natural groups {typical:.0%}).",
    "marks_unity": "Its accounts send requests with the same settings: {value:.0%} of the "
    "agreement within an account (natural groups {typical:.0%}).",
    "model_unity": "Its accounts use the same mix of models: {value:.0%} of the agreement within "
    "an account (natural groups {typical:.0%}).",
    "core_tactic": "A scaffolded prompt shows the words of {value:.2f} extraction tactics on "
    "average (natural groups {typical:.2f}).",
}


def cohesion_reasons(test: GroupTest, row: int) -> tuple[Reason, ...]:
    """The strongest facets of one group, at most four, strongest first."""
    strength = {
        name: weight * test.spreads[row, NAMES.index(name)] for name, weight in FACETS.items()
    }
    strong = sorted(strength, key=lambda name: -strength[name])[:_MOST]
    return tuple(_reason(test, row, name) for name in strong if strength[name] >= _NOTEWORTHY)


def _reason(test: GroupTest, row: int, name: str) -> Reason:
    column = NAMES.index(name)
    value = float(test.figures[row, column])
    natural = test.natural[:, column]
    natural = natural[~np.isnan(natural)]
    sentence = SENTENCES[name].format(value=value, typical=float(np.median(natural)))
    return Reason(name, value, 100.0 * float((natural < value).mean()), sentence)
