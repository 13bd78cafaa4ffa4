"""Pages of a collection: what a caller may see, in the order in which it was added.

Rules: a page goes on behind an instant, by an index, so the millionth costs what the first does.
An object that the caller may not see exists for no part of the question: not for ``last``, not
for ``more``, not for the headers. ``last`` and ``first`` are chosen among the versions the caller
may see that have the ``spec_version`` asked for; where none is asked for, only the newest
specification version of each object is served (section 3.4.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select

from stillwatch.hub.audience import shown
from stillwatch.hub.auth import Caller, Collection
from stillwatch.hub.named import named
from stillwatch.hub.schema import objects
from stillwatch.hub.taxii.query import Query, Versions

_FIRST_CHUNK: Final = 128
"""Rows asked for before it is known how long they are."""
_LAST: Final = Versions(last=True)

_other = objects.alias("other")


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a collection."""

    rows: Sequence[Any]
    """With the columns asked for, and ``date_added`` as the first."""
    more: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller sees of a collection."""

    caller: Caller
    collection: Collection
    admitted: tuple[int, ...]

    def of(self, table: Any) -> ColumnElement[bool]:
        """Condition on ``objects`` or an alias of it."""
        here: ColumnElement[bool] = table.c.collection == self.collection.id
        return here & shown(self.admitted, self.caller, table)


def page(
    connection: Connection,
    sight: Sight,
    query: Query,
    columns: Sequence[Any],
    *,
    after: int | None = None,
    most_bytes: int | None = None,
) -> Page:
    """The objects that a query asks for behind the instant ``after``.

    With ``most_bytes`` the last of ``columns`` is a body, and the page ends early rather than
    hold much more than that.
    """
    table: Any = objects
    if query.ids:
        table = named(connection, sight.collection.id, query.ids)
    statement = (
        select(table.c.date_added, *(table.c[column.name] for column in columns))
        .where(sight.of(table), *_conditions(sight, query, table))
        .order_by(table.c.date_added)
    )
    rows: list[Any] = []
    size, chunk = 0, query.limit + 1 if most_bytes is None else _FIRST_CHUNK
    while True:
        ask = min(chunk, query.limit + 1 - len(rows))
        found = connection.execute(_behind(statement, table, after).limit(ask)).all()
        rows += found
        if len(rows) > query.limit:
            return Page(rows[: query.limit], more=True)
        if len(found) < ask:
            return Page(rows, more=False)
        after = rows[-1].date_added
        if most_bytes is not None:
            size += sum(len(row[-1]) for row in found)
            if size >= most_bytes:
                rest = _behind(statement, table, after).with_only_columns(table.c.date_added)
                return Page(rows, more=connection.scalar(rest.limit(1)) is not None)
            chunk = max(1, (most_bytes - size) * len(rows) // size)


def _behind(statement: Select[Any], table: Any, after: int | None) -> Select[Any]:
    return statement if after is None else statement.where(table.c.date_added > after)


def there(connection: Connection, sight: Sight, stix_id: str) -> bool:
    """Whether the caller sees any version of an object."""
    its = select(objects.c.seq).where(sight.of(objects), objects.c.stix_id == stix_id)
    return connection.scalar(its.limit(1)) is not None


def chosen(sight: Sight, query: Query) -> ColumnElement[bool]:
    """Condition on ``objects``: what a query asks for, wherever it was added."""
    ids = [objects.c.stix_id.in_(query.ids)] if query.ids else []
    return and_(sight.of(objects), *ids, *_conditions(sight, query, objects))


def _conditions(sight: Sight, query: Query, rows: Any) -> list[ColumnElement[bool]]:
    """All but the ids, on ``objects`` or on those ``rows`` of it that have the ids."""
    table = rows.c
    parts: list[ColumnElement[bool]] = []
    if query.types:
        parts.append(table.type.in_(query.types))
    if query.spec_versions:
        parts.append(table.spec_version.in_(query.spec_versions))
    if query.added_after is not None:
        parts.append(table.date_added > query.added_after)
    versions = query.versions or _LAST
    choices: list[ColumnElement[bool]] = []
    if versions.exact:
        choices.append(table.version.in_(versions.exact))
    if versions.last:
        choices.append(~_exists(sight, query, rows, _other.c.version > table.version))
    if versions.first:
        choices.append(~_exists(sight, query, rows, _other.c.version < table.version))
    if versions.all and not query.spec_versions:
        choices.append(~_exists(sight, query, rows, None))
    if choices:
        parts.append(or_(*choices))
    return parts


def _exists(
    sight: Sight, query: Query, rows: Any, beats: ColumnElement[bool] | None
) -> ColumnElement[bool]:
    """Whether another version of the object is to be served instead."""
    table, other = rows.c, _other.c
    if query.spec_versions:
        assert beats is not None
        better: ColumnElement[bool] = other.spec_version.in_(query.spec_versions) & beats
    else:
        better = other.spec_version > table.spec_version
        if beats is not None:
            better = or_(better, (other.spec_version == table.spec_version) & beats)
    return exists(
        select(other.seq).where(sight.of(_other), other.stix_id == table.stix_id, better)
    ).correlate(rows)
