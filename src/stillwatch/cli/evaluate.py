"""``stillwatch evaluate``: measure a detection result against known truth."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from stillwatch.domain.share import Share
from stillwatch.errors import InputError
from stillwatch.evaluation import Evaluation, Restricted
from stillwatch.evaluation import evaluate as run


def evaluate(
    result: Annotated[Path, typer.Argument(help="Directory that `stillwatch detect` wrote.")],
    labels: Annotated[Path, typer.Option(help="Labels file (Parquet), as simulate writes it.")],
    min_events: Annotated[int, typer.Option(help="Leave out accounts with fewer requests.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the figures to this JSON file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Recall, false flags, calibration and campaigns, each with its interval."""
    evaluation = run(result, labels, min_events)
    # nan is not JSON; orjson writes null for it.
    data = orjson.dumps(asdict(evaluation), option=orjson.OPT_INDENT_2)
    if out is not None:
        _write(out, data)
    if as_json:
        print(data.decode())
    else:
        _print(evaluation, Console())


def _write(out: Path, data: bytes) -> None:
    try:
        out.write_bytes(data + b"\n")
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror})", hint="choose another --out"
        ) from error


def _print(evaluation: Evaluation, console: Console) -> None:
    console.print(
        f"{evaluation.accounts:,} accounts judged and labelled; {evaluation.missing:,} labelled "
        f"accounts missing from the result ({evaluation.missing_hostile:,} hostile), "
        f"{evaluation.unlabelled:,} judged without label"
    )
    console.print(_overview(evaluation))
    console.print(_kinds(evaluation.restricted[0]))
    campaigns = evaluation.campaigns
    console.print(
        f"campaigns: {campaigns.reported} reported, {campaigns.found} of {campaigns.true} found, "
        f"{len(campaigns.benign)} with an innocent majority; B-cubed precision "
        f"{_number(campaigns.bcubed.precision)}, recall {_number(campaigns.bcubed.recall)}"
    )
    if campaigns.unlisted:
        console.print(f"warning: {campaigns.unlisted} campaign ids are not in campaigns.parquet")
    if evaluation.promise_kept is False:
        console.print(f"warning: the promised FDR of {evaluation.promised_fdr} was not kept")


def _overview(evaluation: Evaluation) -> Table:
    table = Table("figure", *(f">= {r.min_events} requests" for r in evaluation.restricted))
    parts = evaluation.restricted
    table.add_row("accounts (hostile)", *(f"{r.accounts:,} ({r.hostile:,})" for r in parts))
    table.add_row("ROC AUC", *(_number(r.auc) for r in parts))
    for i, point in enumerate(parts[0].points):
        name = (
            f"recall at FPR {point.limit:g}" if point.limit else "recall at zero innocent flagged"
        )
        table.add_row(name, *(_share(r.points[i].recall) for r in parts))
    table.add_row("recall of the flags", *(_share(r.recall) for r in parts))
    promised = "not stated" if evaluation.promised_fdr is None else f"{evaluation.promised_fdr:g}"
    table.add_row(f"realised FDR (promised: {promised})", *(_share(r.fdr) for r in parts))
    table.add_row(
        "attack requests in flagged accounts", *(_number(r.attack_requests) for r in parts)
    )
    table.add_row("innocent p < 0.01", *(_share(r.calibration.below_1) for r in parts))
    table.add_row("innocent p < 0.05", *(_share(r.calibration.below_5) for r in parts))
    table.add_row(
        "KS distance from uniform (p)",
        *(
            f"{_number(r.calibration.ks_distance)} ({_number(r.calibration.ks_p_value)})"
            for r in parts
        ),
    )
    return table


def _kinds(part: Restricted) -> Table:
    table = Table(
        "kind", "flagged", "in a campaign", title="recall per tactic, false flags per population"
    )
    for row in part.kinds:
        name = f"{row.kind} (hostile)" if row.hostile else row.kind
        table.add_row(name, _share(row.flagged), _share(row.in_campaign))
    return table


def _share(share: Share) -> str:
    if share.total == 0:
        return "no cases"
    return f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}] {share.hits}/{share.total}"


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"
