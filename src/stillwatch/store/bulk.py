"""Many rows at once: COPY where the database is PostgreSQL, which would take a round for each row.

Rule: the same transaction, the same columns, the same kind of error as an insert.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import DBAPIError

_MANY: Final = 50
"""Rows from which it pays."""


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns. Raises ``SQLAlchemyError``."""
    if not rows:
        return
    if connection.dialect.name != "postgresql" or len(rows) < _MANY:
        connection.execute(insert(table), rows)
        return
    import psycopg  # noqa: PLC0415 - only where the store is on PostgreSQL
    from psycopg import sql  # noqa: PLC0415

    names = list(rows[0])
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(copy) as copying:
            for row in rows:
                copying.write_row([row[name] for name in names])
    except psycopg.Error as error:
        raise DBAPIError(f"COPY {table.name}", None, error) from error
