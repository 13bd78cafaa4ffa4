"""``stillwatch correlate plan``: which prompts to ask a suspect."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from stillwatch.cli.progress import spinner
from stillwatch.errors import InputError
from stillwatch.provenance.align import align
from stillwatch.provenance.measure import measure
from stillwatch.provenance.panel import read_panel
from stillwatch.provenance.plan import FEATURES
from stillwatch.provenance.plan import plan as run_plan
from stillwatch.provenance.reading import read_answers


def plan(
    answers: Annotated[list[Path], typer.Argument(help="Answers of the panel's models.")],
    panel: Annotated[Path, typer.Option("--panel", help="Who is who (TOML or YAML).")],
    prompts: Annotated[int, typer.Option("--prompts", help="How many prompts to ask.")] = 100,
    out: Annotated[Path | None, typer.Option("--out", help="File for the prompts (JSONL).")] = None,
) -> None:
    """Choose the prompts that separate the panel's teachers best.

    Writes one {"prompt_id", "prompt", "separation"} a line, to --out or to the terminal. Run them
    through any client, add "model" and "output", and give the file to `stillwatch correlate`.
    """
    who = read_panel(panel)
    with spinner(quiet=False) as progress:
        aligned = align(read_answers(answers), who, ())
        measured = measure(aligned, who, FEATURES, progress=progress)
        questions = run_plan(measured, aligned, prompts)
    data = b"".join(
        orjson.dumps(
            {"prompt_id": q.prompt_id, "prompt": q.prompt, "separation": round(q.separation, 3)},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for q in questions
    )
    if out is None:
        print(data.decode(), end="")
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror})", hint="choose another --out"
        ) from error
    print(f"wrote {len(questions):,} prompts to {out}")
