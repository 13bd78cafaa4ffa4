"""``stillwatch share review``: a person lets drafts go, or keeps them home."""

import sys
from typing import Annotated, Any

import orjson
import typer

from stillwatch.cli.share.common import HERE, By, Config, Json, opened, say, tell, who
from stillwatch.errors import ConfigError
from stillwatch.sharing import acts
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft

_CHOICES = "[r]elease  [k]eep home  [s]kip  [q]uit: "


def review(
    release: Annotated[
        list[str] | None, typer.Option("--release", help="Let this draft go; repeatable.")
    ] = None,
    refuse: Annotated[
        list[str] | None, typer.Option("--refuse", help="Keep this draft home; repeatable.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept.")] = "",
    by: By = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Show what would leave, beside what was last published, and decide. Nothing is sent yet."""
    with opened(config) as (_, store):
        if release or refuse:
            _decide(store, release or [], refuse or [], who(by), reason)
        elif not json and not sys.stdin.isatty():
            raise ConfigError(
                "no terminal to ask in", hint="use --release ID, --refuse ID or --json"
            )
        elif not json:
            _ask(store, who(by))
        with store.begin() as connection:
            left = outbox.listed(connection, "waiting")
            told = [_record(draft, _last(store, draft)) for draft in left] if json else []
    if json:
        tell(told)
    else:
        say(f"{len(left)} drafts wait; `stillwatch share publish` sends those released")


def _decide(store: Store, release: list[str], refuse: list[str], by: str, reason: str) -> None:
    with store.begin() as connection:
        for stix_id in release:
            acts.release(connection, stix_id, by, reason)
        for stix_id in refuse:
            acts.refuse(connection, stix_id, by, reason)


def _ask(store: Store, by: str) -> None:
    with store.begin() as connection:
        queue = outbox.listed(connection, "waiting")
    for number, draft in enumerate(queue, 1):
        say(f"--- {number} of {len(queue)}: {draft.kind} {draft.stix_id}, from {draft.origin}")
        for line in _difference(draft.body, _last(store, draft)):
            say(line)
        for name, much in draft.stays.items():
            say(f"  stays home: {name}: {much}")
        choice = input(_CHOICES).strip().lower()[:1]
        if choice == "q":
            return
        if choice == "r":
            _decide(store, [draft.stix_id], [], by, "")
        elif choice == "k":
            _decide(store, [], [draft.stix_id], by, input("why: ").strip())


def _last(store: Store, draft: Draft) -> dict[str, Any]:
    with store.begin() as connection:
        found = outbox.last_published(connection, draft.stix_id)
    return orjson.loads(found.body) if found else {}


def _record(draft: Draft, last: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": draft.stix_id,
        "kind": draft.kind,
        "origin": draft.origin,
        "leaves": draft.body,
        "stays_home": draft.stays,
        "changes": _difference(draft.body, last),
    }


def _difference(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """What leaves, one field a line: ``+`` new, ``-`` before, two blanks for what is as it was."""
    before, after = dict(_flat(old, "")), dict(_flat(new, ""))
    lines = list[str]()
    for path in {**before, **after}:
        if path.endswith(".signature"):
            continue
        if before.get(path) == after.get(path):
            lines.append(f"  {path}: {after[path]}")
            continue
        if path in before:
            lines.append(f"- {path}: {before[path]}")
        if path in after:
            lines.append(f"+ {path}: {after[path]}")
    return lines


def _flat(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        inner = [_flat(part, f"{path}.{name}" if path else name) for name, part in value.items()]
        return [pair for part in inner for pair in part]
    return [(path, orjson.dumps(value).decode())]
