"""``stillwatch correlate fit``: fit the combiner on a panel's own known pairs."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from stillwatch.cli.progress import spinner
from stillwatch.errors import InputError
from stillwatch.provenance.align import align
from stillwatch.provenance.combine import save
from stillwatch.provenance.fit import FEATURES
from stillwatch.provenance.fit import fit as run_fit
from stillwatch.provenance.measure import measure
from stillwatch.provenance.panel import read_panel
from stillwatch.provenance.reading import read_answers
from stillwatch.report import text


def fit(
    answers: Annotated[list[Path], typer.Argument(help="Files or folders of answers.")],
    panel: Annotated[
        Path, typer.Option("--panel", help="Panel with [[pair]] entries: known students.")
    ],
    out: Annotated[Path, typer.Option("--out", help="File for the weights (JSON).")] = Path(
        "combiner.json"
    ),
    data: Annotated[
        str, typer.Option("--data", help="Where the answers come from, for the card.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the quality and write nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Fit weights on known students and teachers, and say how good they are.

    Figures are cross-fitted: each pair is scored by weights that saw nothing of its cluster. At
    least 8 pairs in 5 clusters are needed.
    """
    who = read_panel(panel)
    if out.is_dir():
        raise InputError(f"{out} is a directory", hint="name a file, for example combiner.json")
    with spinner(quiet=json) as progress:
        aligned = align(read_answers(answers), who, ())
        measured = measure(aligned, who, FEATURES, progress=progress)
        fitted = run_fit(measured, who.pairs, data=data or ", ".join(p.name for p in answers))
    if not dry_run:
        try:
            out.write_bytes(save(fitted))
        except OSError as error:
            raise InputError(
                f"{out} cannot be written ({error.strerror})", hint="choose another --out"
            ) from error
    told = {
        "out": None if dry_run else str(out),
        "features": dict(zip(fitted.features, fitted.weights, strict=True)),
        "quality": fitted.quality,
    }
    if json:
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    console = Console(highlight=False, soft_wrap=True)
    for name, weight in zip(fitted.features, fitted.weights, strict=True):
        console.print(f"{name:16} {weight:6.3f}")
    for name, value in (fitted.quality or {}).items():
        console.print(f"{name.replace('_', ' '):20} {value}")
    if not dry_run:
        console.print(text.plain(f"wrote {out}", text.SENTENCE), markup=False)
