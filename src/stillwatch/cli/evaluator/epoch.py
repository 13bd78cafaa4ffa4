"""``stillwatch evaluator epoch``: documents of key epochs."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from stillwatch.cli.evaluator.common import HERE, SETTINGS, Config, Folder, Json, tell, today
from stillwatch.cli.share.common import asked, opened
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.epoch_document import check
from stillwatch.hub.evaluator.home import Home, read_document
from stillwatch.sharing.matching import epochs as pinned
from stillwatch.sharing.matching import roll

epoch = typer.Typer(help="Documents of key epochs.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="The document.")]


@epoch.command()
def show(home: Folder = HERE, json: Json = False) -> None:
    """Show the epochs of this evaluator, and whether their shares are here."""
    place = Home(home)
    found = [(one, place.share(one.name, one.generation).exists()) for one in place.epochs()]
    if json:
        tell([{**one.to_json(), "share_here": here} for one, here in found])
        return
    for one, here in found:
        share = "share here" if here else "no share here"
        print(f"{_line(one)}; {share}; {_days(one, today())}")


@epoch.command()
def verify(file: File, config: Config = SETTINGS, json: Json = False) -> None:
    """Check a document: every signature by keys from the log, and that the shares give the key."""
    document = read_document(file)
    with opened(config) as (settings, store), store.begin() as connection:
        ring = roll.known(connection, settings.url).keys
    found = check(document, ring.keys)
    if json:
        tell({"verified": True, **found.to_json()})
        return
    print(f"{_line(found)}: signed by all {len(found.evaluators)} evaluators")


@epoch.command()
def post(file: File, config: Config = SETTINGS) -> None:
    """Hand a document to the hub, for all members; any one of its evaluators does."""
    document = read_document(file)
    with opened(config) as (settings, store), asked(settings) as hub:
        with store.begin() as connection:
            ring = roll.known(connection, settings.url).keys
        found = check(document, ring.keys)
        hub.post_epoch(document)
    print(f"the hub has {_line(found)}")


@epoch.command()
def pull(config: Config = SETTINGS, json: Json = False) -> None:
    """Fetch the epochs from the hub, verify and pin them; a split view is refused with evidence."""
    with opened(config) as (settings, store), asked(settings) as hub:
        with store.begin() as connection:
            ring = roll.known(connection, settings.url).keys
        found = pinned.refresh(hub, ring.keys, settings.path.parent, today())
    told: dict[str, Any] = {
        "epochs": [one.to_json() for one in found.epochs],
        "left_out": list(found.left_out),
    }
    if json:
        tell(told)
        return
    for one in found.epochs:
        print(_line(one))
    for why in found.left_out:
        print(f"left out: {why}")


@epoch.command()
def forget(
    name: Annotated[str, typer.Argument(help="Name of the epoch.")],
    generation: Annotated[int, typer.Option("--generation", min=0, help="Of the share.")],
    home: Folder = HERE,
) -> None:
    """Destroy a share: an older generation once all evaluators serve the new one, or an ended one."""
    path = Home(home).forget(name, generation)
    print(f"{path} is destroyed; destroy its backups too, and restart the service")


def _line(one: Epoch) -> str:
    return (
        f"{one.name} generation {one.generation}: {one.threshold} of {len(one.evaluators)},"
        f" {one.starts} to {one.ends}"
    )


def _days(one: Epoch, now: date) -> str:
    if now > one.ends:
        return "ended"
    if now < one.starts:
        return f"begins in {(one.starts - now).days} days"
    return f"{(one.ends - now).days + 1} days left"
