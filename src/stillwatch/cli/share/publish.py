"""``stillwatch share publish``: send what was released, claims first, then tags of actors."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stillwatch.cli.progress import spinner
from stillwatch.cli.share.common import HERE, Config, Json, asked, opened, say, tell
from stillwatch.errors import PolicyRefused, StillwatchError
from stillwatch.sharing import publish as publishing
from stillwatch.sharing.settings import Settings
from stillwatch.store.database import Store

if TYPE_CHECKING:
    from stillwatch.sharing.matching.outgoing import Ready
    from stillwatch.sharing.matching.packing import Shipped


def publish(
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print the exact bytes that would leave, and packs by digest and rows; "
            "only blinded questions to the evaluators are sent.",
        ),
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
            ready = _tags(store, settings, json, released=True)
            _show(prepared, ready, json)
        else:
            _send(store, settings, prepared, json)
    if prepared.refused:
        told = "; ".join(
            f"{draft.stix_id}: {path} {reason}"
            for draft, found in prepared.refused
            for path, reason in found
        )
        raise PolicyRefused(told, hint="these stayed home")


def _show(prepared: publishing.Prepared, ready: "Ready | None", json: bool) -> None:
    from stillwatch.cli.share.taggers import as_json  # noqa: PLC0415

    envelopes = list(publishing.envelopes(prepared.claims))
    packs = ready.packs if ready else ()
    if json:
        shown = [{"sha256": e.sha256, "content": e.content.decode()} for e in envelopes]
        made = zip(as_json(packs), packs, strict=True)
        tell([*shown, *({**said, "content": one.body.decode()} for said, one in made)])
        return
    for envelope in envelopes:
        print(envelope.content.decode())
        print(f"SHA-256 {envelope.sha256}, {len(envelope.content)} bytes")
    for one in packs:
        print(one.body.decode())
        print(f"pack {one.sha256}, {one.rows} rows, {len(one.content)} bytes")
    if not envelopes and not packs:
        say("nothing would leave")


def _send(store: Store, settings: Settings, prepared: publishing.Prepared, json: bool) -> None:
    done = publishing.Published((), ())
    if prepared.claims:
        with asked(settings) as hub:
            done = publishing.send(hub, store, settings, prepared.claims)
    if not json:
        for id_, said in done.failed:
            say(f"refused by the hub: {id_}: {said}")
        say(f"{len(done.stored)} claims published")
    left, shipped, problem = dict[str, int](), None, None
    try:
        if (ready := _tags(store, settings, json)) is not None:
            left, shipped = dict(ready.tagged.left), _ship(store, settings)
    except StillwatchError as error:
        problem = error  # claims are out: that is told before what keeps the tags
    _tell(done, shipped, left, json)
    if problem is not None:
        raise problem
    if done.failed or (shipped and shipped.failed):
        raise typer.Exit(4)


def _tell(
    done: publishing.Published, shipped: "Shipped | None", left: dict[str, int], json: bool
) -> None:
    from stillwatch.cli.share import taggers  # noqa: PLC0415

    if json:
        refused = list(done.failed)
        if shipped is not None:
            refused += [(one.stix_id, why) for one, why in shipped.failed]
        told: dict[str, Any] = {
            "stored": list(done.stored),
            "failed": [{"id": id_, "message": said} for id_, said in refused],
        }
        if shipped is not None:
            told |= {"packs": taggers.as_json(shipped.stored), "left": left}
        tell(told)
    elif shipped is not None:
        taggers.report(shipped, left)


def _tags(
    store: Store, settings: Settings, quiet: bool, *, released: bool = False
) -> "Ready | None":
    """Tag and pack what waits; None where no actor was ever caught."""
    from stillwatch.cli.share.taggers import evaluating  # noqa: PLC0415
    from stillwatch.sharing.matching import outgoing  # noqa: PLC0415 - it loads the kernels

    if not outgoing.pending(store):
        return None
    with spinner(quiet) as report, evaluating(settings, store) as taggers:
        told = report or outgoing.silent
        return outgoing.prepare(
            store, settings, settings.key(), taggers, released=released, tell=told
        )


def _ship(store: Store, settings: Settings) -> "Shipped":
    from stillwatch.sharing.matching import outgoing  # noqa: PLC0415

    with asked(settings) as hub:
        return outgoing.send(hub, store, settings)
