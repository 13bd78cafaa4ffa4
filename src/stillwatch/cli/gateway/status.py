"""``stillwatch gateway status``: what a running gateway knows, and how old it is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stillwatch.cli.gateway.common import Json, say, tell

_NOT_READY = 7


def status(
    url: Annotated[str, typer.Argument(help="Of the gateway, e.g. http://127.0.0.1:8787.")],
    token_file: Annotated[
        Path, typer.Option("--token-file", help="A token of it, e.g. the one for figures.")
    ] = Path("metrics.token"),
    json: Json = False,
) -> None:
    """Ask a gateway what it knows. Status 0: it decides from knowledge; 7: it knows nothing."""
    from stillwatch.gateway.asking import state_of  # noqa: PLC0415
    from stillwatch.gateway.tokens import read_token  # noqa: PLC0415

    said = state_of(url, read_token(token_file))
    if json:
        tell(said)
    else:
        for line in _lines(said):
            say(line)
    if said["status"] not in ("ready", "stale"):
        raise typer.Exit(_NOT_READY)


def _lines(said: dict[str, Any]) -> list[str]:
    age = said.get("knowledge_age_s")
    known = "nothing is known" if age is None else f"knowledge is {age:.1f} s old"
    lines = [
        f"{said['status']}: {known}, {said.get('decisions', 0):,} decisions, change {said.get('sequence')}"
    ]
    if said.get("source_error"):
        lines.append(f"the source cannot be asked: {said['source_error']}")
    if said.get("settings_error"):
        lines.append(f"settings not taken: {said['settings_error']}")
    if said.get("restart_needed"):
        lines.append(f"restart for [{'], ['.join(said['restart_needed'])}]")
    if said.get("breaker_open"):
        lines.append(
            "fresh decisions would refuse too much: they are said and not done, until a person looks"
        )
    return lines
