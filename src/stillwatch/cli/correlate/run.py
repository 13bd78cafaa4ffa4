"""``stillwatch correlate run``: judge suspects by their answers."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from stillwatch.cli.progress import spinner
from stillwatch.errors import ConfigError
from stillwatch.provenance.combine import load, shipped
from stillwatch.provenance.correlate import CorrelateOptions, correlate
from stillwatch.provenance.judge import JudgeOptions
from stillwatch.provenance.panel import read_panel
from stillwatch.provenance.reading import read_answers
from stillwatch.report.correlation import as_record, print_correlation, write_correlation

_DEFAULTS = JudgeOptions()


def run(
    answers: Annotated[
        list[Path],
        typer.Argument(help="Answers of all models: JSONL, Parquet, AlpacaEval or MT-bench files."),
    ],
    panel: Annotated[Path, typer.Option("--panel", help="Who is who (TOML or YAML).")],
    suspect: Annotated[
        list[str] | None,
        typer.Option("--suspect", help="Model to judge; repeatable. Else the panel says."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Directory for the report and the findings.")
    ] = None,
    combiner: Annotated[
        Path | None, typer.Option("--combiner", help="Weights that `correlate fit` wrote.")
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", help="Level of the p-values.")
    ] = _DEFAULTS.alpha,
    draws: Annotated[
        int, typer.Option("--draws", min=50, max=10_000, help="Resamplings of the prompts.")
    ] = _DEFAULTS.draws,
    seed: Annotated[int, typer.Option("--seed", help="Of the resampling.")] = _DEFAULTS.seed,
    unsafe_small_panel: Annotated[
        bool,
        typer.Option("--unsafe-small-panel", help="Judge although the panel cannot carry it."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Judge whether a suspect model carries the style of ours.

    Three verdicts: mirrors, consistent with, no evidence. With --out it writes report.html,
    correlation.json, findings.jsonl (no text of any model) and unaligned.txt. A panel that is too
    small is refused with status 4 and the reason.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"--alpha {alpha} must lie between 0 and 1", hint="for example 0.05")
    options = CorrelateOptions(
        combiner=shipped() if combiner is None else load(combiner),
        judge=JudgeOptions(alpha, draws, seed, unsafe_small_panel),
    )
    who = read_panel(panel)
    with spinner(quiet=json) as progress:
        read = read_answers(answers)
        result = correlate(read, who, suspect or (), options, progress)
    if out is not None:
        write_correlation(result, out)
    if json:
        print(orjson.dumps(as_record(result), option=orjson.OPT_INDENT_2).decode())
    else:
        print_correlation(result, Console(highlight=False), out)
