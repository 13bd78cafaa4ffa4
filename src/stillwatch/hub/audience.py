"""Who sees an object: the rule that its marking makes, kept as one row for each collection and rule.

Rules: a rule is canonical JSON and never changes; CLEAR, GREEN, AMBER, AMBER+STRICT and unmarked
objects go to every reader of the collection unless the object names sharing groups or recipients,
then to those alone; RED goes to the recipients it names, else to who posted it. Who posted an
object always sees it. The name of the poster is in no rule that anybody else may learn. Members
who post what is there and hidden from them become its *posters*, too: the object is shown to them
from then on, and stays for them when another of its posters deletes it. What cannot be understood is
for its poster alone (``intel/marking.py``).
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, false, insert, or_, select

from stillwatch.crypto.records import SECRET_BYTES
from stillwatch.domain.claim import Tlp
from stillwatch.hub.auth import Caller
from stillwatch.hub.schema import audiences, objects
from stillwatch.intel.marking import audience

EVERYONE: Final = '{"readers":"all"}'
"""Every reader of the collection; of key statements, every member."""


def rule(obj: Mapping[str, Any], poster: str) -> str:
    """The rule of a checked object that the member named ``poster`` sends."""
    tlp, groups, recipients = audience(obj)
    if tlp is Tlp.RED:
        return _rule((), recipients or (poster,))
    if groups or recipients:
        return _rule(groups, recipients)
    return EVERYONE


def admits(text: str, name: str, groups: frozenset[str]) -> bool:
    """Whether a rule shows an object to the member of that name, who is in those groups."""
    if text == EVERYONE:
        return True
    made = orjson.loads(text)
    named = (*made["members"], *made.get("posters", ()))
    return name in named or not groups.isdisjoint(made["groups"])


def shared(text: str, names: Iterable[str]) -> str:
    """A rule that also shows its object to members who posted the same without seeing it."""
    names = sorted({*names, *posters(text)})
    return dumped({**orjson.loads(text), "posters": names}) if names else text


def posters(text: str) -> tuple[str, ...]:
    """Names of the members who posted the same object after the first, without seeing it."""
    return tuple(orjson.loads(text).get("posters", ()))


def dumped(made: Mapping[str, Any]) -> str:
    """A rule as it is kept."""
    return orjson.dumps(made, option=orjson.OPT_SORT_KEYS).decode()


def keep(connection: Connection, collection: str | None, rules: Iterable[str]) -> dict[str, int]:
    """Rows of rules, made where there are none; the caller holds the collection's or log's lock."""
    its = (
        audiences.c.collection.is_(None)
        if collection is None
        else audiences.c.collection == collection
    )
    found: dict[str, int] = {}
    for text in dict.fromkeys(rules):
        row = connection.scalar(select(audiences.c.id).where(its, audiences.c.rule == text))
        if row is None:
            made = {
                "collection": collection,
                "rule": text,
                "secret": secrets.token_bytes(SECRET_BYTES),
            }
            key = connection.execute(insert(audiences).values(made)).inserted_primary_key
            assert key is not None
            row = int(key[0])
        found[text] = row
    return found


def visible(connection: Connection, caller: Caller) -> ColumnElement[bool]:
    """Condition on ``objects``: what the caller may read, in all its collections."""
    parts = [
        (objects.c.collection == collection.id)
        & shown(Admitted().of(connection, caller, collection.id), caller, objects)
        for collection in caller.collections
        if collection.can_read
    ]
    return or_(*parts) if parts else false()


def shown(admitted: Iterable[int], caller: Caller, table: Any) -> ColumnElement[bool]:
    """Condition on ``objects`` or an alias of it: of these audiences, or the caller's own."""
    return or_(table.c.audience.in_(list(admitted)), table.c.member == caller.member)


class Admitted:
    """Audiences a caller is in; remembered, because rules never change and are only added.

    A collection's rules are added under its lock, so a later one has a higher id, and what was
    seen up to an id stays complete.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._kept: dict[tuple[int, int, str], tuple[int, tuple[int, ...]]] = {}

    def of(self, connection: Connection, caller: Caller, collection: str) -> tuple[int, ...]:
        """Ids of the audiences of a collection that the caller is in, at this instant."""
        key = (caller.rights, caller.member, collection)
        last, ids = self._kept.get(key, (0, ()))
        new = connection.execute(
            select(audiences.c.id, audiences.c.rule)
            .where(audiences.c.collection == collection, audiences.c.id > last)
            .order_by(audiences.c.id)
        ).all()
        if new:
            ids += tuple(r.id for r in new if admits(r.rule, caller.name, caller.groups))
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = (new[-1].id, ids)
        return ids


def _rule(groups: Iterable[str], names: Iterable[str]) -> str:
    return dumped({"groups": sorted(groups), "members": sorted(names)})
