"""The verdict on one suspect: p-values, intervals, and what lowers it.

Rules
    - *mirrors* needs the strict p-value, which assumes nothing but exchangeable clusters;
      *consistent with* needs the finer one.
    - The bootstrap over prompts says how sure the score is, never how rare.
    - Never *mirrors* while another vendor's model, a sibling of the suspect or its base lies within
      the interval; *no evidence* if another vendor's model is clearly closer.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.domain.correlation import Correlation, TeacherScore, Verdict
from stillwatch.provenance.combine import Combiner
from stillwatch.provenance.demands import PanelTooSmall
from stillwatch.provenance.distinctive import distinctive
from stillwatch.provenance.measure import Measured
from stillwatch.provenance.null import Null, holm
from stillwatch.provenance.panel import Panel

Floats = npt.NDArray[np.float64]

_LEAST_CLUSTERS = 2


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """How to judge."""

    alpha: float = 0.05
    """Level of both p-values."""
    draws: int = 400
    """Resamplings of the prompts."""
    seed: int = 0
    small_panel: bool = False
    """The panel is below the demands and the user insisted: never the strongest verdict."""


@dataclass(frozen=True)
class _Case:
    measured: Measured
    panel: Panel
    suspect: int
    scores: Floats
    """Of all models, shape ``(models, teachers)``."""
    drawn: Floats
    """Of the suspect, shape ``(draws, teachers)``."""
    null: Null

    def interval(self, values: Floats) -> tuple[float, float]:
        low, high = np.nanpercentile(values, [2.5, 97.5])
        return float(low), float(high)


def judge(
    measured: Measured, panel: Panel, combiner: Combiner, suspect: str, options: JudgeOptions
) -> tuple[Correlation, Null]:
    """Judge one suspect; also returns the null it was ranked in."""
    at = measured.index(suspect)
    scores = measured.scores(combiner)[0]
    drawn = measured.scores(combiner, resampled(measured, at, options), [at])[:, 0]
    null = measured.null(scores, without=measured.field.cluster[at])
    ours = [t for t, teacher in enumerate(measured.teachers) if teacher.ours]
    if null.clusters < _LEAST_CLUSTERS or not np.isfinite(scores[at, ours]).any():
        raise PanelTooSmall(
            f"no score for {suspect!r}: {null.clusters} clusters of controls can be compared",
            hint="not even --unsafe-small-panel can rank a suspect among nobody",
        )
    case = _Case(measured, panel, at, scores, drawn, null)
    teachers = _ranking(case, combiner)
    own = next(t for t in teachers if t.ours)
    lowered = _lowered(case, own, options)
    verdict, why = _verdict(case, own, lowered, options)
    told = Correlation(
        suspect,
        verdict,
        own.teacher,
        own.adjusted_p if own.adjusted_p is not None else own.p,
        own.adjusted_strict_p if own.adjusted_strict_p is not None else own.strict_p,
        (*why, *lowered) if verdict != "no evidence" else tuple(why),
        teachers,
        distinctive(measured, at, measured.index(own.teacher)),
        int(measured.exhibit.tokens.present[at].sum()),
        _limits(case),
    )
    return told, null


def resampled(measured: Measured, suspect: int, options: JudgeOptions) -> Floats:
    """Weightings of a bootstrap over the prompts that the suspect answered."""
    rng = np.random.default_rng(options.seed)
    answered = np.flatnonzero(measured.exhibit.tokens.present[suspect])
    weights = np.zeros((options.draws, measured.exhibit.tokens.prompts))
    share = np.full(answered.size, 1 / answered.size)
    weights[:, answered] = rng.multinomial(answered.size, share, options.draws)
    return weights


def _ranking(case: _Case, combiner: Combiner) -> tuple[TeacherScore, ...]:
    measured, at = case.measured, case.suspect
    standings = measured.standings(combiner.features, None, [at])[0, 0]
    known = [t for t in range(len(measured.teachers)) if np.isfinite(case.scores[at, t])]
    ours = [t for t in known if measured.teachers[t].ours]
    p = dict(zip(ours, holm([case.null.p(case.scores[at, t]) for t in ours]), strict=True))
    strict = dict(
        zip(ours, holm([case.null.strict(case.scores[at, t]) for t in ours]), strict=True)
    )
    found = []
    for t in known:
        teacher, score = measured.teachers[t], float(case.scores[at, t])
        low, high = case.interval(case.drawn[:, t])
        controls = case.scores[measured.field.null[:, t], t]
        found.append(
            TeacherScore(
                teacher.model,
                teacher.vendor,
                teacher.ours,
                score,
                low,
                high,
                case.null.p(score),
                case.null.strict(score),
                p.get(t),
                strict.get(t),
                1 + int((controls >= score).sum()),
                int(np.isfinite(controls).sum()),
                tuple(zip(combiner.features, map(float, standings[t]), strict=True)),
            )
        )
    return tuple(sorted(found, key=lambda each: -each.score))


def _verdict(
    case: _Case, own: TeacherScore, lowered: list[str], options: JudgeOptions
) -> tuple[Verdict, list[str]]:
    p, strict = own.adjusted_p or own.p, own.adjusted_strict_p or own.strict_p
    if p > options.alpha:
        return "no evidence", []
    if rival := _clearly_closer(case, own):
        return "no evidence", [
            f"The suspect is clearly closer to {rival}, a model of another vendor."
        ]
    if strict > options.alpha:
        why = (
            f"The strict p-value is {strict:.3f}: among {case.null.clusters} independent clusters "
            f"no value below {case.null.floor:.3f} is possible."
        )
        return "consistent with", [why]
    return ("consistent with" if lowered else "mirrors"), []


def _rivals(case: _Case, own: TeacherScore) -> list[tuple[str, float, float]]:
    """Interval of our lead over each model of another vendor."""
    measured = case.measured
    t = next(i for i, x in enumerate(measured.teachers) if x.model == own.teacher)
    return [
        (other.model, *case.interval(case.drawn[:, t] - case.drawn[:, i]))
        for i, other in enumerate(measured.teachers)
        if other.vendor != own.vendor and np.isfinite(case.drawn[:, i]).any()
    ]


def _clearly_closer(case: _Case, own: TeacherScore) -> str | None:
    ahead = [(high, name) for name, _, high in _rivals(case, own) if high < 0]
    return min(ahead)[1] if ahead else None


def _lowered(case: _Case, own: TeacherScore, options: JudgeOptions) -> list[str]:
    """Say what stands in the way of the strongest verdict."""
    measured, panel = case.measured, case.panel
    t = next(i for i, x in enumerate(measured.teachers) if x.model == own.teacher)
    why = []
    if options.small_panel:
        why.append("The panel is smaller than a judgement needs, and was used on demand.")
    close = [name for name, low, _ in _rivals(case, own) if low <= 0]
    if close:
        why.append(f"Not separated from models of other vendors: {', '.join(close[:5])}.")
    suspect = measured.models[case.suspect]
    base = panel.bases.get(suspect)
    if base and base in measured.models:
        score = case.scores[measured.index(base), t]
        if score >= own.low:
            why.append(
                f"The suspect's base {base} scores {score:.2f}, within the interval: what they share "
                "may come from the base."
            )
    if base and base == own.teacher:
        why.append(f"The suspect is built on {base} itself: likeness needs no distillation.")
    for sibling in _siblings(case):
        score = case.scores[sibling, t]
        if np.isfinite(score) and score >= own.low:
            why.append(
                f"{measured.models[sibling]}, a sibling of the suspect that is held not to be of "
                f"{own.teacher}, scores {score:.2f}, within the interval."
            )
    return why


def _siblings(case: _Case) -> list[int]:
    """Controls of the suspect's cluster or base."""
    measured, bases = case.measured, case.panel.bases
    suspect = measured.models[case.suspect]
    base, own = bases.get(suspect), measured.field.cluster[case.suspect]
    return [
        m
        for m, model in enumerate(measured.models)
        if m != case.suspect
        and measured.field.null[m].any()
        and (measured.field.cluster[m] == own or (base is not None and bases.get(model) == base))
    ]


def _limits(case: _Case) -> tuple[str, ...]:
    suspect = case.measured.models[case.suspect]
    told = [
        f"P-values rank the suspect among {case.null.clusters} independent clusters of models; the "
        f"smallest strict value possible is {case.null.floor:.3f}.",
        "The interval resamples prompts. It says how sure the score is, not how rare.",
        "Style can be shared by a common source: data that quotes our model, or another model "
        "trained on it. A match does not say who asked.",
        "Further tuning on top of a student can erase the trace: no evidence is not innocence.",
    ]
    if suspect not in case.panel.bases:
        told.append("The suspect's base model is not named: a shared base was not ruled out.")
    elif case.panel.bases[suspect] not in case.measured.models:
        told.append("The suspect's base has no answers here: a shared base was not ruled out.")
    return tuple(told)
