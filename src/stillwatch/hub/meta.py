"""Single facts of a hub by name, some of which serialise those who change them.

Rule: ``locked`` holds the row until the transaction ends, so what is derived from it (the next
link of a chain, the next revision) is given once, whatever number of workers asks.
"""

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stillwatch.hub.schema import meta


def fact(connection: Connection, name: str) -> str | None:
    """A fact as it is now."""
    return connection.scalar(select(meta.c.value).where(meta.c.name == name))


def locked(connection: Connection, name: str, default: str) -> str:
    """A fact that nobody else can change before this transaction ends."""
    row = {"name": name, "value": default}
    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(meta).values(row).on_conflict_do_nothing())
    else:
        connection.execute(sqlite.insert(meta).values(row).on_conflict_do_nothing())
    statement = select(meta.c.value).where(meta.c.name == name).with_for_update()
    return str(connection.scalar(statement))


def put(connection: Connection, name: str, value: str) -> None:
    """Set a fact that this transaction has locked."""
    connection.execute(update(meta).where(meta.c.name == name).values(value=value))


STANDING = ("standing", "0:0")
"""Who changes standing or appeals locks this first: leaves followed, and the last instant given."""
