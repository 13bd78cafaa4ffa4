"""Lay the answers of a panel side by side, prompt by prompt, and say what does not fit."""

from collections import Counter
from dataclasses import dataclass

from stillwatch.errors import EmptyInput, InputError
from stillwatch.provenance.answers import Answers
from stillwatch.provenance.limits import Limits
from stillwatch.provenance.panel import Panel

_SHARED = 0.5
_CONTRADICTED = 0.2


@dataclass(frozen=True)
class Aligned:
    """A table of answers, ``None`` where a model has none."""

    models: tuple[str, ...]
    prompts: tuple[str, ...]
    """Prompt keys."""
    texts: tuple[str, ...]
    """Prompts; empty where only an id is known."""
    outputs: tuple[tuple[str | None, ...], ...]
    """``[model][prompt]``."""
    unaligned: tuple[str, ...]
    """Prompts left out because too few models answered them, as text or id."""
    missing: tuple[str, ...]
    """Models of the panel without an answer."""
    unused: tuple[str, ...]
    """Models with answers that the panel does not name."""

    def answered(self, model: str) -> int:
        """Prompts that a model answered, of those compared."""
        return sum(text is not None for text in self.outputs[self.models.index(model)])


def align(
    answers: Answers, panel: Panel, suspects: tuple[str, ...], limits: Limits | None = None
) -> Aligned:
    """Keep the panel's models and the prompts that the suspects and half of the models answered.

    Raises ``InputError`` for a suspect without answers and for names that stand for two models;
    ``EmptyInput`` if no prompt is shared.
    """
    limits = limits or Limits()
    have = set(answers.models)
    wanted = panel.named | set(suspects) | {panel.bases[s] for s in suspects if s in panel.bases}
    for suspect in suspects:
        if suspect not in have:
            near = ", ".join(answers.models[:8])
            raise InputError(f"the answers have no model {suspect!r}", hint=f"there are {near} ...")
    _refuse_two_of_one_name(answers, wanted)
    models = tuple(sorted(have & wanted))
    counts = Counter(key for model in models for key in answers.outputs[model])
    asked = set().union(*(answers.outputs[s] for s in suspects)) if suspects else set(counts)
    shared = [k for k in counts if k in asked and counts[k] >= _SHARED * len(models)]
    shared.sort(key=lambda key: (-counts[key], key))
    kept = tuple(sorted(shared[: limits.prompts]))
    if not kept:
        raise EmptyInput(
            f"no prompt was answered by the suspect and half of the {len(models)} models",
            hint="ask all models the same prompts; prompts are matched by their text",
        )
    left = sorted(set(counts) - set(kept))
    return Aligned(
        models,
        kept,
        tuple(answers.prompts.get(key, "") for key in kept),
        tuple(tuple(answers.outputs[m].get(key) for key in kept) for m in models),
        tuple(answers.prompts.get(key) or key for key in left),
        tuple(sorted(panel.named - have)),
        tuple(sorted(have - wanted)),
    )


def _refuse_two_of_one_name(answers: Answers, wanted: frozenset[str] | set[str]) -> None:
    for model, twice in sorted(answers.contradicted.items()):
        all_ = twice + len(answers.outputs.get(model, {}))
        if model in wanted and twice > max(1, _CONTRADICTED * all_):
            raise InputError(
                f"{model!r} answers {twice:,} of {all_:,} prompts twice and differently: "
                "two models with one name, or two samples of one",
                hint="rename one of them, or keep one answer per prompt",
            )
