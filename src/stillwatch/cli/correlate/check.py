"""``stillwatch correlate check``: whether answers and panel fit together, before anything is judged."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from stillwatch.provenance.panel import read_panel
from stillwatch.provenance.reading import read_answers
from stillwatch.provenance.survey import survey
from stillwatch.report import text

_LINE = text.Cut(chars=2000)


def check(
    answers: Annotated[list[Path], typer.Argument(help="Files or folders of answers.")],
    panel: Annotated[Path, typer.Option("--panel", help="Who is who (TOML or YAML).")],
    suspect: Annotated[
        list[str] | None, typer.Option("--suspect", help="Model to judge; repeatable.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Say what the answers hold, what does not fit the panel, and whether a judgement is possible.

    Status 4 if the panel is too small for a judgement.
    """
    found = survey(read_answers(answers), read_panel(panel), suspect or ())
    if json:
        print(orjson.dumps(found.record(), option=orjson.OPT_INDENT_2).decode())
    else:
        console = Console(highlight=False, soft_wrap=True)
        for line in found.lines():
            console.print(text.plain(line, _LINE), markup=False)
    found.refuse()
