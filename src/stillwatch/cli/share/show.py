"""``stillwatch share list``, ``show`` and ``status``: what is here, and where we stand."""

from typing import Annotated, Any

import typer

from stillwatch.cli.share.common import HERE, Config, Json, asked, opened, say, tell
from stillwatch.errors import InputError, PeerError
from stillwatch.sharing.board import board
from stillwatch.sharing.known import from_json
from stillwatch.sharing.settings import Settings
from stillwatch.store import inbox, outbox


def list_(
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind.")] = None,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """List what was received, with what it counts here."""
    with opened(config) as (_, store), store.begin() as connection:
        found = [e.record() for e in board(connection) if kind in (None, e.received.kind)]
    if json:
        tell(found)
        return
    for one in found:
        say(
            f"{one['weight']:.2f}  {one['state']:<10} {one['kind']:<14} {one['name'] or ''}  "
            f"{one['id']}  by {one['publisher'] or 'unknown'}"
        )
    say(f"{len(found)} objects")


def show(
    claim: Annotated[str, typer.Argument(help="STIX id.")],
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Show one received object whole, with the reasons for its weight."""
    with opened(config) as (_, store), store.begin() as connection:
        found = board(connection, claim)
    if not found:
        raise InputError(f"nothing with the id {claim!r} was received")
    if json:
        tell([{**entry.record(), "object": entry.received.body} for entry in found])
        return
    for entry in found:
        say(str(entry.received.body.get("description", entry.received.stix_id)))
        for name, value in entry.record().items():
            say(f"  {name}: {value}")


def status(config: Config = HERE, json: Json = False) -> None:
    """Show what waits, what is published and received, how far the log was followed, and our tier."""
    with opened(config) as (settings, store):
        with store.begin() as connection:
            kept = inbox.position(connection, settings.url)
            told: dict[str, Any] = {
                "drafts": outbox.counts(connection),
                "published": len(outbox.outgoing(connection, settings.url, "stored")),
                "unanswered": len(outbox.outgoing(connection, settings.url, "sent")),
                "received": len(board(connection)),
                "log_entries": from_json(kept[0]).size if kept else 0,
                "key": settings.key().id,
            }
        told["hub"] = _hub(settings)
    if json:
        tell(told)
        return
    for name, value in told.items():
        say(f"{name}: {value}")


def _hub(settings: Settings) -> dict[str, Any]:
    """Tier and quotas, as far as the hub can be asked."""
    try:
        with asked(settings) as hub:
            me = hub.me()
    except PeerError as error:
        return {"error": str(error)}
    return {name: me.get(name) for name in ("name", "identity", "role", "tier", "quotas")}
