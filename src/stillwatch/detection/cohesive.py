"""What makes a group one job, in sentences: the facets of its cohesion that stand out."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.cohesion import NAMES, between_accounts
from stillwatch.detection.pooled import WEIGHTS, GroupTest
from stillwatch.domain.finding import Reason

Floats = npt.NDArray[np.float64]

_MOST = 4
_NOTEWORTHY = 0.2  # weighted spreads of natural groups from which a facet is worth a sentence


def _plain(value: npt.ArrayLike) -> Floats:
    return np.asarray(value)


def _counted(value: npt.ArrayLike) -> Floats:
    return np.exp(value)


def _odds(value: npt.ArrayLike) -> Floats:
    return np.asarray(np.exp(-np.asarray(value)))


def _minus(value: npt.ArrayLike) -> Floats:
    return -np.asarray(value)


SENTENCES: dict[str, tuple[Callable[[npt.ArrayLike], Floats], str]] = {
    "exclusivity": (_counted, "Its scaffold is its own: {value:.0%} of the accounts that hold its "
                    "phrases belong to it (other groups: {typical:.0%})."),
    "output": (_counted, "Answers to scaffolded prompts run to {value:.0f} tokens "
               "(other groups: {typical:.0f})."),
    "hour_unity": (between_accounts, "Its accounts keep the same hours: {value:.0%} of the "
                   "variance in hours lies between accounts (other groups: {typical:.0%})."),
    "settings_unity": (between_accounts, "Its accounts send the same mix of settings: {value:.0%} "
                       "of the variance lies between accounts (other groups: {typical:.0%})."),
    "system_unity": (between_accounts, "Its accounts use the same system prompts: {value:.0%} of "
                     "the variance lies between accounts (other groups: {typical:.0%})."),
    "wording_unity": (between_accounts, "Its accounts vary the wording in one way: {value:.0%} of "
                      "the variance lies between accounts (other groups: {typical:.0%})."),
    "length_unity": (between_accounts, "Its accounts send prompts of the same lengths: {value:.0%} of "
                     "the variance lies between accounts (other groups: {typical:.0%})."),
    "output_unity": (between_accounts, "Its accounts get answers of the same lengths: {value:.0%} of "
                     "the variance lies between accounts (other groups: {typical:.0%})."),
    "family_unity": (between_accounts, "Its accounts use the same phrases: {value:.0%} of the variance "
                     "lies between accounts (other groups: {typical:.0%})."),
    "turns": (_odds, "Its accounts take turns: one asks twice running {value:.2f} times as often as "
              "chance would have it (other groups: {typical:.2f})."),
    "depth": (_counted, "Its accounts keep at it: {value:.0f} scaffolded prompts in the sample of "
              "each (other groups: {typical:.0f})."),
    "evenness": (_minus, "The work is shared out evenly: volumes vary by {value:.0%} over accounts "
                 "(other groups: {typical:.0%})."),
    "overlap": (_plain, "The prompts are shared out: {value:.1%} of the scaffolded prompts occur at "
                "a second account (other groups: {typical:.1%})."),
    "repeats": (_plain, "No prompt is asked twice: {value:.1%} of the scaffolded requests repeat "
                "one of the account's own (other groups: {typical:.1%})."),
    "tactics": (_plain, "A scaffolded prompt holds the words of {value:.2f} extraction tactics "
                "(other groups: {typical:.2f})."),
    "length": (_counted, "Scaffolded prompts run to {value:.0f} words "
               "(other groups: {typical:.0f})."),
}  # fmt: skip
"""Per facet: how its value is said, and the sentence."""


def cohesion_reasons(test: GroupTest, row: int) -> tuple[Reason, ...]:
    """The strongest facets of one group, at most four, strongest first."""
    strength = {
        name: weight * test.spreads[row, NAMES.index(name)] for name, weight in WEIGHTS.items()
    }
    strong = sorted(strength, key=lambda name: -strength[name])[:_MOST]
    return tuple(_reason(test, row, name) for name in strong if strength[name] >= _NOTEWORTHY)


def _reason(test: GroupTest, row: int, name: str) -> Reason:
    column = NAMES.index(name)
    said, sentence = SENTENCES[name]
    natural = test.natural[:, column]
    value = float(said(test.figures[row, column]))
    typical = float(said(test.centre[column]))
    below = said(natural[~np.isnan(natural)]) < value
    percentile = 100.0 * float(below.mean()) if below.size else 50.0
    return Reason(name, value, percentile, sentence.format(value=value, typical=typical))
