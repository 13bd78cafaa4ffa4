"""Whether answers and a panel fit together, told before anything is measured."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from stillwatch.provenance.align import Aligned, align
from stillwatch.provenance.answers import Answers
from stillwatch.provenance.correlate import choose_suspects
from stillwatch.provenance.demands import Demands, PanelTooSmall, shortfalls
from stillwatch.provenance.measure import measure
from stillwatch.provenance.panel import Panel


@dataclass(frozen=True)
class Survey:
    """What was found."""

    suspects: tuple[str, ...]
    models: int
    prompts: int
    unaligned: tuple[str, ...]
    """Prompts left out."""
    missing: tuple[str, ...]
    """Models of the panel without answers."""
    unused: tuple[str, ...]
    """Models that the panel does not name."""
    troubles: tuple[str, ...]
    """Rows that cannot be used, by reason."""
    shortfalls: dict[str, list[str]]
    """What a judgement needs and the panel lacks, by suspect."""

    def record(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Say it in lines."""
        yield f"{self.models} models of the panel and suspects, {self.prompts:,} prompts in common"
        for title, names in (
            ("prompts left out", self.unaligned),
            ("models of the panel without answers", self.missing),
            ("models that the panel does not name", self.unused),
        ):
            if names:
                more = ", ..." if len(names) > 5 else ""
                yield f"{title}: {len(names):,} ({', '.join(n[:60] for n in names[:5])}{more})"
        yield from self.troubles
        for suspect, missing in self.shortfalls.items():
            yield f"{suspect}: " + (
                "too small a panel: " + "; ".join(missing) if missing else "can be judged"
            )

    def refuse(self) -> None:
        """Raise ``PanelTooSmall`` if no suspect can be judged."""
        if self.shortfalls and all(self.shortfalls.values()):
            suspect, missing = next(iter(self.shortfalls.items()))
            raise PanelTooSmall(
                f"no judgement on {suspect!r}: the panel has " + "; ".join(missing),
                hint="add answers of more independent models to the same prompts",
            )


def survey(
    answers: Answers, panel: Panel, suspects: Sequence[str] = (), demands: Demands | None = None
) -> Survey:
    """Align and count, without comparing anything."""
    chosen = choose_suspects(answers, panel, suspects)
    aligned: Aligned = align(answers, panel, chosen)
    measured = measure(aligned, panel, (), suspects=chosen)
    return Survey(
        chosen,
        len(aligned.models),
        len(aligned.prompts),
        aligned.unaligned,
        aligned.missing,
        aligned.unused,
        answers.troubles.sentences(),
        {s: shortfalls(measured, s, demands or Demands()) for s in chosen},
    )
