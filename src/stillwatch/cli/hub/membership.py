"""``stillwatch hub member list | suspend | reinstate | remove``."""

from dataclasses import asdict
from typing import Annotated

import typer

from stillwatch.cli.hub.acting import print_json, print_table, reading, when, writing
from stillwatch.cli.hub.options import Json, KeyFile, Url
from stillwatch.hub import governance, members
from stillwatch.hub.clock import now
from stillwatch.hub.governance import change
from stillwatch.hub.logkey import key_path, signer
from stillwatch.hub.members import State

Name = Annotated[str, typer.Argument(help="Name of the member.")]
Pseudonyms = Annotated[
    bool,
    typer.Option(
        "--with-pseudonyms",
        help="Mark its pseudonyms' claims, too. Members may conclude whose they are.",
    ),
]


def list_(database: Url, json: Json = False) -> None:
    """Show all members."""
    with reading(database) as connection:
        found = members.listed(connection)
    if json:
        print_json(found)
        return
    rows = [(m.name, m.role, m.state, m.identity, when(m.added)) for m in found]
    print_table(("name", "role", "state", "identity", "added"), rows)


def suspend(
    name: Name,
    database: Url,
    with_pseudonyms: Pseudonyms = False,
    key: KeyFile = None,
    json: Json = False,
) -> None:
    """Take a member's tokens and voice at once; its claims carry a mark. May be undone."""
    _change(name, database, State.SUSPENDED, with_pseudonyms, key, json)


def reinstate(name: Name, database: Url, key: KeyFile = None, json: Json = False) -> None:
    """Undo a suspension."""
    _change(name, database, State.ACTIVE, False, key, json)


def remove(
    name: Name,
    database: Url,
    with_pseudonyms: Pseudonyms = False,
    key: KeyFile = None,
    json: Json = False,
) -> None:
    """Take a member out for good: its keys end, its claims stay, marked. Cannot be undone."""
    _change(name, database, State.REMOVED, with_pseudonyms, key, json)


def _change(
    name: str, database: str, state: State, with_pseudonyms: bool, key: KeyFile, json: bool
) -> None:
    with writing(database) as connection:
        log = governance.into(signer(connection, key_path(database, key)))
        member = members.named(connection, name)
        done = change(connection, log, member, state, now=now(), with_pseudonyms=with_pseudonyms)
    if json:
        print_json(asdict(done))
        return
    print(f"{name} is {done.member.state}; claims weighed anew: {done.marked}")
    if done.untouched and state is not State.ACTIVE:
        print(
            f"its {done.untouched} pseudonyms cannot publish any more, but show no mark, so that "
            "nobody learns whose they are; see --with-pseudonyms"
        )
