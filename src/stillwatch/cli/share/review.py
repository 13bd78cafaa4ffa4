"""``stillwatch share review``: a person lets drafts go, or keeps them home."""

import sys
from typing import Annotated, Any

import orjson
import typer

from stillwatch.cli.share.common import HERE, By, Config, Json, opened, say, tell, who
from stillwatch.errors import ConfigError, InputError, StillwatchError
from stillwatch.sharing import acts, pseudonyms
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft

_CHOICES = "[r]elease  [e]dit  [k]eep home  [s]kip  [q]uit: "
_EDITS = f"NAME=VALUE ({', '.join(acts.EDITABLE)}): "


def review(
    release: Annotated[
        list[str] | None, typer.Option("--release", help="Let this draft go; repeatable.")
    ] = None,
    refuse: Annotated[
        list[str] | None, typer.Option("--refuse", help="Keep this draft home; repeatable.")
    ] = None,
    edit: Annotated[
        list[str] | None,
        typer.Option("--edit", help="Change this draft as --set says; repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help=f"NAME=VALUE for drafts that are edited or released; {', '.join(acts.EDITABLE)}.",
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept.")] = "",
    by: By = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Show what would leave, beside what was last published, and decide. Nothing is sent yet."""
    with opened(config) as (settings, store):
        changes = dict(map(_change, set_ or ()))
        if bool(changes) is not bool(edit) and not (changes and release):
            raise InputError("--edit and --set go together", hint="--edit ID --set tlp=green")
        if release or refuse or edit:
            chosen = [*(edit or ()), *(release or ())] if changes else []
            _edit(store, settings, chosen, changes, who(by))
            _decide(store, release or [], refuse or [], who(by), reason)
        elif not json and not sys.stdin.isatty():
            raise ConfigError(
                "no terminal to ask in", hint="use --release ID, --refuse ID or --json"
            )
        elif not json:
            _ask(store, settings, who(by))
        with store.begin() as connection:
            left = outbox.listed(connection, "waiting")
            ours = pseudonyms.called(connection, settings)
            told = [_record(draft, _last(store, draft), ours) for draft in left] if json else []
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


def _change(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise InputError(f"{text!r} is no NAME=VALUE", hint="for example tlp=green")
    return name.strip(), value.strip()


def _edit(
    store: Store, settings: Settings, ids: list[str], changes: dict[str, str], by: str
) -> None:  # fmt: skip
    with store.begin() as connection:
        for stix_id in dict.fromkeys(ids):
            acts.edit(connection, settings, stix_id, changes, by)


def _ask_edit(store: Store, settings: Settings, draft: Draft, by: str) -> Draft:
    """Change a draft as the reviewer says, and show it again."""
    try:
        with store.begin() as connection:
            changes = dict([_change(input(_EDITS))])
            draft = acts.edit(connection, settings, draft.stix_id, changes, by)
    except StillwatchError as error:
        say(str(error))
    _show(store, settings, draft)
    return draft


def _show(store: Store, settings: Settings, draft: Draft) -> None:
    with store.begin() as connection:
        say(f"  goes out as {_name(draft, pseudonyms.called(connection, settings))}")
    for line in _difference(draft.body, _last(store, draft)):
        say(line)
    for name, much in draft.stays.items():
        say(f"  stays home: {name}: {much}")


def _ask(store: Store, settings: Settings, by: str) -> None:
    with store.begin() as connection:
        queue = outbox.listed(connection, "waiting")
    for number, draft in enumerate(queue, 1):
        say(f"--- {number} of {len(queue)}: {draft.kind} {draft.stix_id}, from {draft.origin}")
        _show(store, settings, draft)
        while (choice := input(_CHOICES).strip().lower()[:1]) == "e":
            draft = _ask_edit(store, settings, draft, by)  # noqa: PLW2901 - the same one, as it now is
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


def _name(draft: Draft, ours: dict[str, str]) -> str:
    publisher = str(draft.body["created_by_ref"])
    return ours.get(publisher, publisher)


def _record(draft: Draft, last: dict[str, Any], ours: dict[str, str]) -> dict[str, Any]:
    return {
        "id": draft.stix_id,
        "kind": draft.kind,
        "as": _name(draft, ours),
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
