"""``stillwatch share publish``: send what was released."""

from typing import Annotated

import typer

from stillwatch.cli.share.common import HERE, Config, Json, asked, opened, say, tell
from stillwatch.errors import PolicyRefused
from stillwatch.sharing import publish as publishing
from stillwatch.sharing.settings import Settings
from stillwatch.store.database import Store


def publish(
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the exact bytes that would leave; send nothing."),
    ] = False,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Sign what was released and send it to the hub. It may be given again after any failure."""
    with opened(config) as (settings, store):
        with store.begin() as connection:
            prepared = publishing.prepare(connection, settings, settings.key())
            if not dry_run:
                publishing.keep(connection, prepared, settings)
        if dry_run:
            _show(prepared, json)
        else:
            _send(store, settings, prepared, json)
    if prepared.refused:
        told = "; ".join(
            f"{draft.stix_id}: {path} {reason}"
            for draft, found in prepared.refused
            for path, reason in found
        )
        raise PolicyRefused(told, hint="these stayed home")


def _show(prepared: publishing.Prepared, json: bool) -> None:
    envelopes = list(publishing.envelopes(prepared.claims))
    if json:
        tell([{"sha256": e.sha256, "content": e.content.decode()} for e in envelopes])
        return
    for envelope in envelopes:
        print(envelope.content.decode())
        print(f"SHA-256 {envelope.sha256}, {len(envelope.content)} bytes")
    if not envelopes:
        say("nothing would leave")


def _send(
    store: Store, settings: Settings, prepared: publishing.Prepared, json: bool
) -> None:  # fmt: skip
    done = publishing.Published((), ())
    if prepared.claims:
        with asked(settings) as hub:
            done = publishing.send(hub, store, settings, prepared.claims)
    if json:
        failed = [{"id": id_, "message": said} for id_, said in done.failed]
        tell({"stored": list(done.stored), "failed": failed})
    else:
        for id_, said in done.failed:
            say(f"refused by the hub: {id_}: {said}")
        say(f"{len(done.stored)} claims published")
    if done.failed:
        raise typer.Exit(4)
