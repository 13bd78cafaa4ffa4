"""``stillwatch share retag``: all that we know of caught actors, tagged anew into a snapshot."""

from typing import Annotated

import typer

from stillwatch.cli.progress import spinner
from stillwatch.cli.share.common import HERE, Config, Json, asked, opened, say, tell
from stillwatch.cli.share.taggers import as_json, evaluating, report
from stillwatch.errors import EmptyInput


def retag(
    epoch: Annotated[
        str | None,
        typer.Option("--epoch", help="Key epoch to tag under. Default: the newest of today."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tag and pack, show what would leave, send nothing.")
    ] = False,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Publish a snapshot: what holds is tagged, what ended is left out. Goes on after an interruption.

    For each new key epoch, in the days that it shares with the one before; and in between, to
    take back what was revoked.
    """
    from stillwatch.sharing.matching import outgoing  # noqa: PLC0415 - it loads the kernels

    with opened(config) as (settings, store):
        if not outgoing.pending(store):
            raise EmptyInput(
                "no identifiers of caught actors are kept here",
                hint="`stillwatch share actors` drafts some",
            )
        with spinner(json) as bar, evaluating(settings, store, epoch) as taggers:
            ready = outgoing.prepare(
                store, settings, settings.key(), taggers[:1],
                snapshot=True, tell=bar or outgoing.silent,
            )  # fmt: skip
        shipped = outgoing.Shipped((), ())
        if not dry_run:
            with asked(settings) as hub:
                shipped = outgoing.send(hub, store, settings)
    done = ready.tagged
    if json:
        failed = [{"id": one.stix_id, "message": said} for one, said in shipped.failed]
        tell({
            "tagged": done.made, "known": done.there, "left": dict(done.left),
            "forgotten": ready.forgotten, "packs": as_json(ready.packs),
            "stored": [one.stix_id for one in shipped.stored], "failed": failed,
        })  # fmt: skip
    else:
        say(f"{done.made} identifiers tagged, {done.there} were tagged before")
        if ready.forgotten:
            say(f"{ready.forgotten} identifiers dropped: their claims hold no more")
        if dry_run:
            for one in ready.packs:
                say(f"would leave: pack {one.sha256}, {one.rows} rows, epoch {one.epoch}")
        report(shipped, done.left)
    if shipped.failed:
        raise typer.Exit(4)
