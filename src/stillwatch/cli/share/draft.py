"""``stillwatch share draft``: what of a result could be shared."""

from pathlib import Path
from typing import Annotated

import typer

from stillwatch.cli.share.common import HERE, Config, Json, opened, say, tell
from stillwatch.errors import InputError
from stillwatch.sharing import drafts


def draft(
    result: Annotated[
        Path, typer.Argument(help="Result of `stillwatch detect` or `stillwatch correlate`.")
    ],
    suspect: Annotated[
        str | None, typer.Option("--suspect", help="Public name of the suspect model.")
    ] = None,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Draft claims from a result. Nothing leaves: drafts wait for `stillwatch share review`."""
    if not (result / "findings.jsonl").is_file():
        raise InputError(f"{result} is no result: it lacks findings.jsonl")
    with opened(config) as (settings, store), store.begin() as connection:
        if (result / "accounts.parquet").is_file():
            made = drafts.from_detection(result, settings, connection, store.secret)
        else:
            made = drafts.from_correlation(result, settings, suspect)
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
