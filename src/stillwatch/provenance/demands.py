"""What a panel must have before anything is said about a suspect.

Below these, numbers still come out, and they are worse than none: they look like evidence.
"""

from dataclasses import dataclass

from stillwatch.errors import InputError
from stillwatch.provenance.measure import Measured


class PanelTooSmall(InputError):
    """The panel cannot carry a judgement; the message says what is missing."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Demands:
    """Least sizes of a panel."""

    prompts: int = 50
    """Prompts that the suspect answered, of those compared."""
    null_models: int = 30
    """Models with at least one teacher they cannot have learned from."""
    null_clusters: int = 15
    """Independent clusters of those."""
    own_clusters: int = 8
    """Clusters of controls for each of our models: below, its spread is guesswork."""
    references: int = 6
    """Models of other vendors."""
    vendors: int = 4
    """Vendors of those."""


def shortfalls(measured: Measured, suspect: str, demands: Demands) -> list[str]:
    """Say what is missing; empty if nothing is."""
    field = measured.field
    own = field.cluster[measured.index(suspect)]
    nulls = [
        m for m in range(len(measured.models)) if field.null[m].any() and field.cluster[m] != own
    ]
    clusters = {field.cluster[m] for m in nulls}
    references = [t for t in measured.teachers if not t.ours]
    answered = int(measured.exhibit.tokens.present[measured.index(suspect)].sum())
    sizes = [
        ("prompts answered by the suspect", answered, demands.prompts),
        ("control models", len(nulls), demands.null_models),
        ("independent clusters of controls", len(clusters), demands.null_clusters),
        ("reference models", len(references), demands.references),
        ("vendors of references", len({t.vendor for t in references}), demands.vendors),
    ]
    missing = [f"{have} {what}, {need} needed" for what, have, need in sizes if have < need]
    for t, teacher in enumerate(measured.teachers):
        have = field.clusters(t, own)
        if teacher.ours and have < demands.own_clusters:
            missing.append(
                f"{have} clusters of controls for {teacher.model}, {demands.own_clusters} needed"
            )
    return missing


def refuse(measured: Measured, suspect: str, demands: Demands) -> None:
    """Raise ``PanelTooSmall`` if anything is missing."""
    if missing := shortfalls(measured, suspect, demands):
        raise PanelTooSmall(
            f"no judgement on {suspect!r}: the panel has " + "; ".join(missing),
            hint="add answers of more independent models to the same prompts; "
            "a small panel accuses the innocent",
        )
