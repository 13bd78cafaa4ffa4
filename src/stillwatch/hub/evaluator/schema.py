"""An evaluator's own tables, the same on SQLite and PostgreSQL.

Rules: instants are seconds since 1970 in UTC, days and hours are counted from there. No table has
a column that could hold an element or a share. Only nonces past their time and counts that were
sealed into the chain are ever deleted.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    inspect,
    select,
)

from stillwatch.errors import StoredDataError
from stillwatch.hub.database import Database, parse_url

metadata = MetaData()
_Key = BigInteger().with_variant(Integer, "sqlite")
VERSION: Final = "1"
_HINT: Final = "make it once with `stillwatch evaluator init`, or restore the backup"

facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),  # version, audit, horizon
    Column("value", Text, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("member", Text, primary_key=True),  # identity--UUID
    Column("day", BigInteger, nullable=False),  # never goes back
    Column("used", BigInteger, nullable=False),  # elements
)

allowances = Table(
    "allowances",
    metadata,
    Column("member", Text, primary_key=True),
    Column("daily", BigInteger, nullable=False),
    Column("until", BigInteger),  # last day it holds
)

grants = Table(
    "grants",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("member", Text, nullable=False, index=True),
    Column("elements", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),  # last day it holds
)

nonces = Table(
    "nonces",
    metadata,
    Column("key", Text, primary_key=True),  # thumbprint of who signed
    Column("nonce", Text, primary_key=True),
    Column("created", BigInteger, nullable=False, index=True),
)

tallies = Table(
    "tallies",
    metadata,
    Column("hour", BigInteger, primary_key=True),  # hours since 1970
    Column("member", Text, primary_key=True),  # empty: nobody known
    Column("epoch", Text, primary_key=True),
    Column("generation", BigInteger, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", _Key, primary_key=True),
    Column("hour", BigInteger, nullable=False),
    Column("member", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),  # SHA-256 over the row before and this one
)


def initialise(url: str) -> bool:
    """Make the tables where there are none; whether there were none.

    Raises ``ConfigError`` or ``StoredDataError`` for a database that cannot be used.
    """
    database = Database(parse_url(url))
    try:
        with database.write() as connection:
            if inspect(connection).has_table(facts.name):
                return False
            metadata.create_all(connection)
            start = {"version": VERSION, "audit": f"0:{bytes(32).hex()}", "horizon": "0"}
            rows = [{"name": name, "value": value} for name, value in start.items()]
            connection.execute(facts.insert(), rows)
    finally:
        database.close()
    return True


def opened(url: str) -> Database:
    """An initialised database. Raises ``StoredDataError`` for any other.

    A missing file is not made anew here: a fresh one would forget what was used today.
    """
    parsed = parse_url(url)
    if parsed.drivername == "sqlite" and not Path(str(parsed.database)).is_file():
        raise StoredDataError(f"there is no quota database {parsed.database}", hint=_HINT)
    database = Database(parsed)
    try:
        with database.read() as connection:
            check(connection)
    except BaseException:
        database.close()
        raise
    return database


def check(connection: Connection) -> None:
    """Raise ``StoredDataError`` unless the database has exactly this program's tables."""
    if not inspect(connection).has_table(facts.name):
        raise StoredDataError("the database holds no evaluator's tables", hint=_HINT)
    version = connection.scalar(select(facts.c.value).where(facts.c.name == "version"))
    if version != VERSION:
        raise StoredDataError(
            f"the tables are of version {version}, this program's of {VERSION}",
            hint="use the version of stillwatch that wrote them",
        )


def check_there(database: Database) -> None:
    """Raise ``StoredDataError`` or ``Busy`` unless the database is there and answers.

    A file that was deleted under the process still answers, and forgets at the next start.
    """
    if database.sqlite and not Path(str(database.url.database)).is_file():
        raise StoredDataError(f"there is no quota database {database.url.database}", hint=_HINT)
    with database.read() as connection:
        check(connection)
