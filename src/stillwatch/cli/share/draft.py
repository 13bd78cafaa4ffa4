"""``stillwatch share draft``: what of a result could be shared."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from stillwatch.cli.share.common import HERE, Config, Json, opened, say, tell
from stillwatch.errors import InputError
from stillwatch.sharing import drafts
from stillwatch.sharing.settings import Settings


def draft(
    result: Annotated[
        Path | None,
        typer.Argument(help="Result of `stillwatch detect` or `stillwatch correlate`."),
    ] = None,
    rule: Annotated[
        Path | None, typer.Option("--rule", help="Draft this rule (YAML) instead of a result.")
    ] = None,
    compared: Annotated[
        Path | None,
        typer.Option("--result", help="With --rule: result whose quoted prompts it must not hold."),
    ] = None,
    suspect: Annotated[
        str | None, typer.Option("--suspect", help="Public name of the suspect model.")
    ] = None,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Draft claims from a result. Nothing leaves: drafts wait for `stillwatch share review`."""
    if (result is None) is (rule is None):
        raise InputError("a result or a --rule is needed, one of them")
    with opened(config) as (settings, store), store.begin() as connection:
        if rule is not None:
            made = _of_rule(rule, compared, settings, connection)
        else:
            made = _of_result(result, suspect, settings, connection, store.secret)  # type: ignore[arg-type]
        drafts.keep(connection, made, settings)
    if json:
        ids = [{"id": d.stix_id, "kind": d.kind, "origin": d.origin} for d in made.drafts]
        tell({"drafts": ids, "left": list(made.left)})
        return
    for one in made.drafts:
        say(f"{one.kind}  {one.stix_id}  from {one.origin}")
    for line in made.left:
        say(f"not drafted: {line}")
    say(f"{len(made.drafts)} drafts wait: `stillwatch share review`")


def _of_result(
    result: Path, suspect: str | None, settings: Settings, connection: Connection, secret: bytes
) -> drafts.Drafted:
    if not (result / "findings.jsonl").is_file():
        raise InputError(f"{result} is no result: it lacks findings.jsonl")
    if (result / "accounts.parquet").is_file():
        return drafts.from_detection(result, settings, connection, secret)
    return drafts.from_correlation(result, settings, suspect)


def _of_rule(
    rule: Path, compared: Path | None, settings: Settings, connection: Connection
) -> drafts.Drafted:
    from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules  # noqa: PLC0415
    from stillwatch.sharing.ruleclaims import draft_of  # noqa: PLC0415 - both load the kernels

    families = FamilyTable.compile(load_families(shipped_rules() / "phrases"))
    return drafts.Drafted((draft_of(rule, settings, connection, families, compared),), ())
