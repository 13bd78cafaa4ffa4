"""``stillwatch gateway status``: what a running gateway knows, and how old it is."""

from datetime import UTC, datetime, timedelta
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


def _in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


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
        share = said.get("fresh_refused_share")
        much = "too much" if share is None else f"{share:.1%} of requests"
        lines += [
            f"fresh decisions would refuse {much}: they are said and not done, until a person looks",
            "  wrong? `stillwatch decisions list --effect block`, and `lift` or `undo` them",
            f"  right? write `accepted_until = {_in_an_hour()}` under [breaker] in gateway.toml; it is taken up in a second",
        ]
    return lines
