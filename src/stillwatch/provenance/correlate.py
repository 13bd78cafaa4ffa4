"""The story of output correlation: answers and a panel in, one judgement per suspect out.

1. Align the answers of all models, prompt by prompt.
2. Measure each affinity of each model to each teacher.
3. Place every model among the controls of each teacher, and combine.
4. Refuse if the panel is too small.
5. Rank the suspect among null pairs, resample its prompts, look for other explanations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stillwatch.domain.correlation import Correlation, PanelSize
from stillwatch.errors import ConfigError
from stillwatch.provenance.align import Aligned, align
from stillwatch.provenance.answers import Answers
from stillwatch.provenance.combine import Combiner, shipped
from stillwatch.provenance.demands import Demands, refuse
from stillwatch.provenance.judge import JudgeOptions, judge
from stillwatch.provenance.limits import Limits
from stillwatch.provenance.measure import Measured, Progress, measure
from stillwatch.provenance.null import Null
from stillwatch.provenance.panel import Panel


@dataclass(frozen=True)
class CorrelateOptions:
    """How to correlate."""

    combiner: Combiner = field(default_factory=shipped)
    demands: Demands = field(default_factory=Demands)
    judge: JudgeOptions = field(default_factory=JudgeOptions)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Judged:
    """A judgement with the null that it was ranked in."""

    correlation: Correlation
    size: PanelSize
    null: npt.NDArray[np.float64]
    """Scores of the null pairs."""
    null_weight: npt.NDArray[np.float64]
    """Weight of each: clusters weigh equally; sums to 1."""


@dataclass(frozen=True)
class CorrelateResult:
    """All judgements of a run, and what could not be used."""

    judged: tuple[Judged, ...]
    """Least p-value first."""
    notes: tuple[str, ...]
    unaligned: tuple[str, ...]
    """Prompts that were left out."""
    combiner: Combiner


def choose_suspects(answers: Answers, panel: Panel, asked: Sequence[str]) -> tuple[str, ...]:
    """Suspects asked for, else the panel's, else the models that the panel does not name.

    Raises ``ConfigError`` if there is none.
    """
    known = panel.named | set(panel.bases.values())
    chosen = tuple(dict.fromkeys(asked or panel.suspects)) or tuple(
        m for m in answers.models if m not in known
    )
    if not chosen:
        raise ConfigError(
            "no suspect: the panel names every model of the answers", hint="give --suspect NAME"
        )
    if teachers := [s for s in chosen if panel.vendor(s) is not None]:
        raise ConfigError(
            f"{teachers[0]!r} is the suspect and a teacher of the panel",
            hint="take it out of [[ours]] or [[reference]]",
        )
    return chosen


def correlate(
    answers: Answers,
    panel: Panel,
    suspects: Sequence[str] = (),
    options: CorrelateOptions | None = None,
    progress: Progress | None = None,
) -> CorrelateResult:
    """Judge suspects.

    Raises ``PanelTooSmall`` unless ``options.judge.small_panel`` insists, ``ConfigError`` and
    ``InputError`` for what does not fit together.
    """
    options = options or CorrelateOptions()
    if not any(t.ours for t in panel.teachers):
        raise ConfigError("the panel names no model of ours", hint="add an [[ours]] section")
    suspects = choose_suspects(answers, panel, suspects)
    aligned = align(answers, panel, suspects, options.limits)
    if not any(t.ours and t.model in aligned.models for t in panel.teachers):
        names = ", ".join(t.model for t in panel.teachers if t.ours)
        raise ConfigError(f"no answers of our own models ({names})", hint="add their answers")
    features = options.combiner.features
    measured = measure(
        aligned, panel, features, suspects=suspects, limits=options.limits, progress=progress
    )
    judged = []
    for done, suspect in enumerate(suspects):
        if not options.judge.small_panel:
            refuse(measured, suspect, options.demands)
        if progress:
            progress(f"judging: {suspect}", done, len(suspects))
        told, null = judge(measured, panel, options.combiner, suspect, options.judge)
        judged.append(_judged(told, null, measured))
    judged.sort(key=lambda each: each.correlation.p)
    notes = (*_notes(aligned, panel), *answers.troubles.sentences())
    return CorrelateResult(tuple(judged), notes, aligned.unaligned, options.combiner)


def _judged(told: Correlation, null: Null, measured: Measured) -> Judged:
    sizes = np.bincount(null.cluster, minlength=null.clusters)
    own = measured.field.cluster[measured.index(told.suspect)]
    models = {m for m, _ in measured.null_pairs if measured.field.cluster[m] != own}
    size = PanelSize(
        len(measured.models),
        measured.exhibit.tokens.prompts,
        len(measured.teachers),
        len({t.vendor for t in measured.teachers if not t.ours}),
        len(models),
        null.clusters,
        int(null.scores.size),
        null.effective,
        null.correlation,
        null.floor,
        null.finest,
    )
    weight = 1 / sizes[null.cluster] / null.clusters
    return Judged(told, size, null.scores, weight)


def _notes(aligned: Aligned, panel: Panel) -> list[str]:
    notes = []
    if aligned.unaligned:
        notes.append(
            f"{len(aligned.unaligned):,} prompts were left out: the suspect or more than half of the "
            "models did not answer them (unaligned.txt lists them)"
        )
    if aligned.missing:
        notes.append("models of the panel without answers: " + ", ".join(aligned.missing[:10]))
    if aligned.unused:
        notes.append(
            "models that the panel does not name, not used: " + ", ".join(aligned.unused[:10])
        )
    both = sorted({t.model for t in panel.teachers} & {c.model for c in panel.controls})
    if both:
        notes.append(
            "references that are controls, too, serve as references only: " + ", ".join(both[:10])
        )
    if panel.unknown_sources:
        notes.append(
            "controls learned from what is no teacher or vendor of the panel (a slip of the pen would make "
            "a student a control): " + ", ".join(panel.unknown_sources[:10])
        )
    odd = _odd_scripts(aligned)
    if odd:
        notes.append(odd)
    return notes


def _odd_scripts(aligned: Aligned) -> str:
    """Warn where answers are mostly in other scripts than Latin: nothing was measured on those."""
    sample = [text[:500] for row in aligned.outputs for text in row[:20] if text]
    letters = [c for text in sample for c in text if c.isalpha()]
    foreign = sum(ord(c) > 0x24F for c in letters)
    if letters and foreign > 0.2 * len(letters):
        return (
            f"{foreign / len(letters):.0%} of letters are not Latin: the combiner was fitted on English "
            "answers, and how it does on others was not measured"
        )
    return ""
