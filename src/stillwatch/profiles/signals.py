"""Signals: single numbers measured on profiles, each with a direction fixed beforehand.

A signal is the same on an account, a key, an organisation and a pooled campaign, and does not
grow with the number of events. Where the columns it needs were not observed it is NaN: a
missing column lowers power, never the score.

``SIGNALS`` is the whole table. A signal's ``group`` names the kind of evidence; detectors count
each group once, so that five ways of measuring one thing weigh no more than one.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stillwatch.profiles import estimators as est
from stillwatch.profiles.estimators import Floats
from stillwatch.profiles.fields import HOURS, MARKS, NEVER, OBSERVED
from stillwatch.profiles.merge import Profiles

_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
LEAST = 8
"""Fewest events (or observed values) on which a share is reported."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a log as a whole says, needed to measure single profiles against it."""

    centre: Floats
    """Mean Fourier feature vector of ordinary traffic, shape (FEATURES,)."""
    releases: dict[int, int]
    """Models first seen inside the window: hash of the name to first use, microseconds."""
    families: tuple[str, ...]
    """Names of the phrase families, in bit order."""
    tactics: tuple[str, ...]
    """Those families whose words extraction uses; the others are capabilities."""

    @property
    def tactic_bits(self) -> list[int]:
        """Bits of the tactic families."""
        return [bit for bit, name in enumerate(self.families) if name in self.tactics]

    @classmethod
    def learn(
        cls,
        profiles: Profiles,
        benign: npt.NDArray[np.int64],
        families: Sequence[str],
        tactics: Sequence[str],
    ) -> "Reference":
        """Learn it from the ``benign`` rows of a baseline, or of the log itself."""
        return cls(
            centre=est.mean_feature(profiles, benign),
            releases=_releases(profiles),
            families=tuple(families),
            tactics=tuple(tactics),
        )


def _releases(profiles: Profiles) -> dict[int, int]:
    """Models whose first use lies more than a day after the log begins."""
    keys = profiles["models_key"].ravel()
    first = profiles["models_first"].ravel()
    used = first < NEVER
    models, where = np.unique(keys[used], return_inverse=True)
    earliest = np.full(models.size, NEVER)
    np.minimum.at(earliest, where, first[used])
    if not models.size:
        return {}
    start = earliest.min() + _DAY_US
    return {int(m): int(t) for m, t in zip(models, earliest, strict=True) if t > start}


class View:
    """Profiles as the signals see them: what several signals need is computed once."""

    def __init__(self, profiles: Profiles, reference: "Reference") -> None:
        self.profiles = profiles
        self.reference = reference
        self.events: Floats = profiles["events"].astype(np.float64)
        self.span: Floats = (profiles["last_seen"] - profiles["first_seen"]).astype(np.float64)

    @cached_property
    def wording(self) -> est.Wording:
        """What the different sampled prompts have in common."""
        return est.wording(self.profiles)

    @cached_property
    def sampled(self) -> npt.NDArray[np.int64]:
        """Size of each sample, 0 where too small to report on."""
        sizes = est.sampled(self.profiles)
        return np.where(sizes >= LEAST, sizes, 0)

    def observed(self, column: str) -> npt.NDArray[np.uint32]:
        """In how many events a column was present, shape (p,)."""
        return np.asarray(self.profiles["observed"][:, OBSERVED.index(column)])

    def enough(self, values: Floats) -> Floats:
        """``values`` where there are enough events, NaN elsewhere."""
        return np.where(self.events >= LEAST, values, np.nan)

    def family_share(self, bits: Sequence[int], combine: Callable[..., Floats]) -> Floats:
        """``combine`` over the shares of prompts that hold words of each family."""
        if not bits:
            return np.full(self.profiles.size, np.nan)
        counts = combine(self.profiles["families"][:, list(bits)], axis=1)
        return est.ratio(counts, self.events, LEAST)


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement and how to speak of it."""

    name: str
    group: str
    """Kind of evidence: automation, scaffold, coverage, content, tactic, harvest, release."""
    title: str
    high: bool
    """True when high values are suspicious, False when low ones are."""
    needs: tuple[str, ...]
    """Optional columns without which it is not observed."""
    sentence: str
    """Format string for an analyst; ``{value}`` and ``{typical}`` (benign median) are numbers."""
    measure: Callable[[View], Floats]
    """View of p profiles -> values of shape (p,), NaN where not observed."""


def _mark_share(mark: str, column: str) -> Callable[[View], Floats]:
    """Share of the events with ``column`` present that carry ``mark``."""

    def measure(v: View) -> Floats:
        return est.ratio(v.profiles["marks"][:, MARKS.index(mark)], v.observed(column), LEAST)

    return measure


def _rides_max_tokens(v: View) -> Floats:
    """Takes two columns: without the size of the answers nothing is known, however it was asked."""
    share = _mark_share("rides_max_tokens", "max_tokens")(v)
    return np.where(v.observed("output_tokens") >= LEAST, share, np.nan)


def _of_sample(field: str) -> Callable[[View], Floats]:
    def measure(v: View) -> Floats:
        return est.sample_coincidence(v.profiles[f"sample_{field}"], v.sampled)

    return measure


_HOUR_OF_DAY = np.arange(HOURS) % 24
_DAY_OF_WEEK = np.arange(HOURS) // 24 % 7


def _hour_flatness(v: View) -> Floats:
    same = est.coincidence(v.profiles["by_hour"], _HOUR_OF_DAY)
    return v.enough(-np.log(np.maximum(same, 1e-3) * 24))


def _week_flatness(v: View) -> Floats:
    same = est.coincidence(v.profiles["by_hour"], _DAY_OF_WEEK)
    return np.where(v.span >= 6 * _DAY_US, v.enough(-np.log(np.maximum(same, 1e-3) * 7)), np.nan)


def _paced(v: View) -> Floats:
    bursts = est.burstiness(v.profiles["by_hour"], v.span / _HOUR_US + 1)
    return v.enough(np.log(np.maximum(bursts, 1e-2)))


def _similarity(v: View) -> Floats:
    return v.enough(v.wording.similarity)


def _skeleton(v: View) -> Floats:
    """Mean share of prompts over the eight most frequent shingles."""
    return est.ratio(v.wording.counts[:, :8].mean(axis=1), v.sampled, LEAST)


def _topic_breadth(v: View) -> Floats:
    same = est.coincidence(v.profiles["topics"])
    return v.enough(-np.log(np.maximum(same, 2e-3)))


def _novelty(v: View) -> Floats:
    """Chance that two sampled events differ in fine topic."""
    return 1 - est.sample_coincidence(v.profiles["sample_topic"], v.sampled)


def _sweep(v: View) -> Floats:
    """One scaffold over many topics: neither alone is unusual."""
    return np.sqrt(np.maximum(v.wording.similarity, 0)) * _topic_breadth(v)


def _script_breadth(v: View) -> Floats:
    return 1 - v.enough(est.coincidence(v.profiles["scripts"]))


def _distance(v: View) -> Floats:
    return v.enough(est.squared_distance(v.profiles["fourier"], v.events, v.reference.centre))


def _tactic_share(v: View) -> Floats:
    """Largest share of prompts that hold the words of one extraction tactic."""
    return v.family_share(v.reference.tactic_bits, np.max)


def _tactic_mass(v: View) -> Floats:
    """Mean number of extraction tactics a prompt shows the words of."""
    return v.family_share(v.reference.tactic_bits, np.sum)


def _output_size(v: View) -> Floats:
    known = v.observed("output_tokens") >= LEAST
    return np.where(known, est.mean_log2(v.profiles["output_hist"]), np.nan)


def _pivot(v: View) -> Floats:
    """Share of all requests to models released inside the window and taken up within a day."""
    releases = v.reference.releases
    if not releases:
        return np.full(v.profiles.size, np.nan)
    early = np.zeros(v.profiles.size)
    for key, released in releases.items():
        soon = v.profiles["models_first"] < released + _DAY_US
        used = (v.profiles["models_key"] == np.uint64(key)) & soon
        early += (v.profiles["models_count"] * used).sum(axis=1)
    before = v.profiles["first_seen"] < min(releases.values())
    return np.where(before, est.ratio(early, v.events, LEAST), np.nan)


def _conversations(v: View) -> Floats:
    opened = est.distinct(v.profiles["conversations_hll"])
    return est.ratio(opened, v.observed("conversation_id"), LEAST)


def _rotation(v: View) -> Floats:
    networks = est.distinct(v.profiles["networks_hll"])
    per_root = est.ratio(networks, np.sqrt(v.observed("client_ip")), 3)
    return np.log(np.maximum(per_root, 1e-2))


SIGNALS: tuple[Signal, ...] = (
    Signal(
        "hour_flatness", "automation", "Works at all hours", True, (),
        "Requests are spread over the hours of the day more evenly than for people "
        "({value:.2f}; typical {typical:.2f}; 0 is perfectly flat).",
        _hour_flatness,
    ),
    Signal(
        "week_flatness", "automation", "Works every day of the week", True, (),
        "Week-ends look like working days ({value:.2f}; typical {typical:.2f}; 0 is flat).",
        _week_flatness,
    ),
    Signal(
        "paced", "automation", "Evenly paced", False, (),
        "Requests are paced instead of coming in sittings "
        "(burstiness e^{value:.1f}; typical e^{typical:.1f}).",
        _paced,
    ),
    Signal(
        "prompt_similarity", "scaffold", "Prompts share wording", True, (),
        "Different prompts share {value:.0%} of their wording (typical {typical:.0%}): "
        "one scaffold with changing contents.",
        _similarity,
    ),
    Signal(
        "skeleton", "scaffold", "A recurring skeleton", True, (),
        "The same phrases recur in {value:.0%} of its different prompts (typical {typical:.0%}).",
        _skeleton,
    ),
    Signal(
        "opening_repetition", "scaffold", "Repeated openings", True, (),
        "Two random requests open with the same words with chance {value:.0%} "
        "(typical {typical:.0%}).",
        _of_sample("template"),
    ),
    Signal(
        "closing_repetition", "scaffold", "Repeated closings", True, (),
        "Two random requests end with the same words with chance {value:.0%} "
        "(typical {typical:.0%}).",
        _of_sample("closing"),
    ),
    Signal(
        "topic_breadth", "coverage", "Covers many topics", True, (),
        "Its prompts cover about e^{value:.1f} topics evenly (typical e^{typical:.1f}).",
        _topic_breadth,
    ),
    Signal(
        "novelty", "coverage", "Keeps finding new topics", True, (),
        "{value:.0%} of pairs of requests differ in topic (typical {typical:.0%}): "
        "an extraction job keeps discovering, a person saturates.",
        _novelty,
    ),
    Signal(
        "sweep", "coverage", "One scaffold over many topics", True, (),
        "One way of asking is carried over many topics (sweep {value:.2f}; typical {typical:.2f}).",
        _sweep,
    ),
    Signal(
        "script_breadth", "coverage", "Many scripts", True, (),
        "Prompts change script with chance {value:.0%} (typical {typical:.0%}).",
        _script_breadth,
    ),
    Signal(
        "distance", "content", "Unlike ordinary traffic", True, (),
        "What it asks lies far from ordinary traffic "
        "(squared MMD {value:.3f}; typical {typical:.3f}).",
        _distance,
    ),
    Signal(
        "tactic_share", "tactic", "Words of an extraction tactic", True, (),
        "{value:.0%} of its prompts use the words of one extraction tactic (typical {typical:.0%}).",
        _tactic_share,
    ),
    Signal(
        "tactic_mass", "tactic", "Several extraction tactics at once", True, (),
        "A prompt shows the words of {value:.2f} extraction tactics on average "
        "(typical {typical:.2f}).",
        _tactic_mass,
    ),
    Signal(
        "single_turn", "harvest", "No follow-up questions", True, ("turn",),
        "{value:.0%} of requests are first turns (typical {typical:.0%}): answers are collected, "
        "not discussed.",
        _mark_share("first_turn", "turn"),
    ),
    Signal(
        "fresh_conversations", "harvest", "A new conversation each time", True, ("conversation_id",),
        "{value:.0%} of requests open a conversation of their own (typical {typical:.0%}).",
        _conversations,
    ),
    Signal(
        "rides_max_tokens", "harvest", "Fills the answer limit", True, ("max_tokens", "output_tokens"),
        "{value:.0%} of answers fill the limit asked for (typical {typical:.0%}).",
        _rides_max_tokens,
    ),
    Signal(
        "many_choices", "harvest", "Several answers per prompt", True, ("choices",),
        "{value:.0%} of requests ask for several answers (typical {typical:.0%}).",
        _mark_share("many_choices", "choices"),
    ),
    Signal(
        "logprobs", "harvest", "Asks for probabilities", True, ("logprobs",),
        "{value:.0%} of requests ask for token probabilities (typical {typical:.0%}).",
        _mark_share("logprobs", "logprobs"),
    ),
    Signal(
        "json", "harvest", "Machine-readable answers", True, ("response_format",),
        "{value:.0%} of requests ask for JSON (typical {typical:.0%}).",
        _mark_share("json", "response_format"),
    ),
    Signal(
        "reasoning", "harvest", "Asks for visible reasoning", True, ("reasoning",),
        "{value:.0%} of requests ask for visible reasoning (typical {typical:.0%}).",
        _mark_share("reasoning", "reasoning"),
    ),
    Signal(
        "output_size", "harvest", "Long answers", True, ("output_tokens",),
        "Answers are long (2^{value:.1f} tokens; typical 2^{typical:.1f}).",
        _output_size,
    ),
    Signal(
        "pivot", "release", "Moved to the new model at once", True, (),
        "{value:.0%} of its requests went to a model released inside the window that it took up "
        "within a day (typical {typical:.0%}).",
        _pivot,
    ),
    Signal(
        "rotation", "infrastructure", "Rotates networks", True, ("client_ip",),
        "It uses many networks for its volume (log {value:.1f}; typical {typical:.1f}).",
        _rotation,
    ),
)  # fmt: skip

NAMES: tuple[str, ...] = tuple(s.name for s in SIGNALS)


_BLOCK = 4096  # profiles measured at a time by one thread; bounds temporary memory


def measure(profiles: Profiles, reference: Reference) -> Floats:
    """All signals of all profiles, shape (p, len(SIGNALS)); NaN where not observed."""

    def block(start: int) -> Floats:
        view = View(profiles[start : start + _BLOCK], reference)
        return np.column_stack([signal.measure(view) for signal in SIGNALS])

    if not profiles.size:
        return np.empty((0, len(SIGNALS)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(block, range(0, profiles.size, _BLOCK))))
