"""``stillwatch share pseudonym``: further names of ours, which the hub alone can resolve."""

from typing import Annotated, Any

import typer

from stillwatch.cli.share.common import HERE, By, Config, Json, asked, opened, say, tell, who
from stillwatch.errors import ConfigError
from stillwatch.intel.objects import parse_time
from stillwatch.sharing import keychange, pseudonyms

pseudonym = typer.Typer(help="Names of ours that members cannot resolve.", no_args_is_help=True)
_Name = Annotated[str, typer.Argument(help="Our own word for it; it never leaves.")]


@pseudonym.callback()
def _group() -> None:
    """Names of ours that members cannot resolve; the hub's operator can."""


@pseudonym.command()
def add(name: _Name, by: By = "", config: Config = HERE, json: Json = False) -> None:
    """Make a pseudonym with a key of its own, and enrol it. It may be given again after a failure."""
    with opened(config) as (settings, store), asked(settings) as hub:
        made = pseudonyms.add(hub, store, settings, name, who(by))
        file = pseudonyms.key_file(settings, name)
    if json:
        tell({"name": made.name, "identity": made.identity, "key": str(file)})
        return
    say(f"{name} is {made.identity}; its key is {file}: back it up, with the store")
    say(f"publish with `--as {name}`, at another time than under our own name")
    say(
        "readers may compare: legal basis and its day, groups, lifetimes and hours of what both say"
    )


@pseudonym.command("list")
def list_(config: Config = HERE, json: Json = False) -> None:
    """Show our pseudonyms at this hub, and how many claims stand under each."""
    told = list[dict[str, Any]]()
    with opened(config) as (settings, store), store.begin() as connection:
        for one in pseudonyms.listed(connection, settings):
            claims = pseudonyms.standing(connection, settings, one.identity)
            file = str(pseudonyms.key_file(settings, one.name))
            record = {"name": one.name, "identity": one.identity, "state": one.state}
            told.append({**record, "claims": len(claims), "key": file})
    if json:
        tell(told)
        return
    for row in told:
        say(f"{row['name']}  {row['state']}  {row['identity']}  {row['claims']} claims stand")
    say(f"{len(told)} pseudonyms")


@pseudonym.command()
def rotate(name: _Name, by: By = "", config: Config = HERE, json: Json = False) -> None:
    """Replace a pseudonym's key by a new one. It may be given again after a failure."""
    with opened(config) as (settings, store), asked(settings) as hub:
        with store.begin() as connection:
            voice = pseudonyms.speaking_as(connection, settings, name)
        new, kept = keychange.rotate(hub, store, voice, who(by))
    if json:
        tell({"kid": new.id, "key": str(voice.key_file), "old": str(kept)})
    else:
        say(f"the key of {name} is {new.id}: back up {voice.key_file}; the old one is {kept}")


@pseudonym.command()
def end(
    name: _Name,
    let_stand: Annotated[
        bool,
        typer.Option("--let-stand", help="Though claims stand that nobody can take back then."),
    ] = False,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Its key is in other hands: claims are marked.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", help="From when, with --compromised. Default: always.")
    ] = None,
    by: By = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """End a pseudonym and its key for good. It may be given again after a failure."""
    if since is not None:
        _check(since, compromised)
    with opened(config) as (settings, store), asked(settings) as hub:
        ended = pseudonyms.end(
            hub, store, settings, name, who(by),
            since=since, compromised=compromised, let_stand=let_stand,
        )  # fmt: skip
    if json:
        tell({"name": ended.name, "identity": ended.identity, "state": ended.state})
    else:
        say(f"{name} has ended; {ended.identity} says nothing any more")


def _check(since: str, compromised: bool) -> None:
    if not compromised:
        raise ConfigError("--since goes with --compromised")
    try:
        parse_time(since)
    except ValueError as error:
        raise ConfigError(f"--since {since!r}: {error}", hint="2026-11-03T14:00:00Z") from error
