"""``stillwatch share publish``: send what was released."""

from collections import Counter
from typing import Annotated, Any

import typer

from stillwatch.cli.share.common import HERE, As, Config, Json, asked, opened, say, tell, voice_of
from stillwatch.errors import PolicyRefused
from stillwatch.sharing import naming, pseudonyms
from stillwatch.sharing import publish as publishing
from stillwatch.sharing.settings import Settings
from stillwatch.store.database import Store


def publish(
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the exact bytes that would leave; send nothing."),
    ] = False,
    as_: As = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Sign what was released and send it to the hub. It may be given again after any failure.

    One name at a time: what goes out under another of ours waits for its own run.
    """
    with opened(config) as (settings, store):
        with store.begin() as connection:
            voice = voice_of(connection, settings, as_)
            moved, stay = naming.renamed(connection, settings, voice)
            prepared = publishing.prepare(connection, voice, voice.key(), moved)
            ours = pseudonyms.called(connection, settings)
            if not dry_run:
                publishing.keep(connection, prepared, voice)
        waits = Counter(ours.get(one, one) for one in prepared.others)
        if not json:
            _tell_left(stay, waits, as_)
        if dry_run:
            _show(prepared, json)
        else:
            _send(store, voice, prepared, {"waits": waits, "stays": dict(stay)} if json else None)
    if prepared.refused:
        told = "; ".join(
            f"{draft.stix_id}: {path} {reason}"
            for draft, found in prepared.refused
            for path, reason in found
        )
        raise PolicyRefused(told, hint="these stayed home")


def _tell_left(stay: list[tuple[str, str]], waits: Counter[str], name: str) -> None:
    for stix_id, why in stay:
        say(f"not under {name}: {stix_id}: {why}")
    for other, count in waits.items():
        say(f"{count} released wait to go out as {other}")


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
    store: Store, settings: Settings, prepared: publishing.Prepared, json: dict[str, Any] | None
) -> None:
    done = publishing.Published((), ())
    if prepared.claims:
        with asked(settings) as hub:
            done = publishing.send(hub, store, settings, prepared.claims)
    if json is not None:
        failed = [{"id": id_, "message": said} for id_, said in done.failed]
        tell({"stored": list(done.stored), "failed": failed, **json})
    else:
        for id_, said in done.failed:
            say(f"refused by the hub: {id_}: {said}")
        say(f"{len(done.stored)} claims published")
    if done.failed:
        raise typer.Exit(4)
