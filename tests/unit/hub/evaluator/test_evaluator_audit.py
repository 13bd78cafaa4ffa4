"""The audit: counts by the hour, sealed into a chain that shows what was done to it."""

import pytest
from sqlalchemy import delete, inspect, update

from stillwatch.errors import InputError, StoredDataError
from stillwatch.hub.database import Database
from stillwatch.hub.evaluator import audit
from stillwatch.hub.evaluator.audit import HOUR, Kind, Row
from stillwatch.hub.evaluator.schema import audit as rows
from stillwatch.hub.evaluator.schema import metadata

NOW = 500_000 * HOUR
ELEMENTS = Kind(500_000, "identity--a", "e1", 0, "elements")
REFUSED = Kind(500_000, "identity--a", "e1", 0, "refused.quota")


@pytest.fixture
def sealed(ledger_database: Database) -> Database:
    with ledger_database.write() as connection:
        audit.count(connection, {ELEMENTS: 5, REFUSED: 1})
        audit.count(connection, {ELEMENTS: 7})
        audit.act(connection, NOW, "identity--b", "quota.daily", 9)
        assert audit.seal(connection, NOW) == 0
        assert audit.seal(connection, NOW + HOUR) == 2
    return ledger_database


def test_counts_add_up_and_are_sealed_when_the_hour_is_over(sealed: Database) -> None:
    with sealed.write() as connection:
        audit.count(connection, {ELEMENTS: 1})
        assert audit.listed(connection) == [
            Row(1, 500_000, "identity--b", "", 0, "quota.daily", 9),
            Row(2, 500_000, "identity--a", "e1", 0, "elements", 12),
            Row(3, 500_000, "identity--a", "e1", 0, "refused.quota", 1),
            Row(0, 500_000, "identity--a", "e1", 0, "elements", 1),
        ]
        assert [row.seq for row in audit.listed(connection, "identity--b")] == [1]
        assert audit.verify(connection).seq == 3


@pytest.mark.parametrize(
    ("forgery", "said"),
    [
        (update(rows).where(rows.c.seq == 2).values(count=11), "row 2 was altered"),
        (update(rows).where(rows.c.seq == 2).values(member="identity--c"), "row 2 was altered"),
        (delete(rows).where(rows.c.seq == 2), "row 2 is missing"),
        (delete(rows).where(rows.c.seq == 3), "row 3 is missing"),
    ],
)
def test_what_was_done_to_the_chain_is_seen(sealed: Database, forgery: object, said: str) -> None:
    with sealed.write() as connection:
        connection.execute(forgery)  # type: ignore[call-overload]
        with pytest.raises(StoredDataError, match=said):
            audit.verify(connection)


def test_a_head_kept_elsewhere_shows_a_chain_that_was_rewritten(sealed: Database) -> None:
    with sealed.read() as connection:
        kept = str(audit.verify(connection))
        assert str(audit.verify(connection, kept)) == kept
        with pytest.raises(StoredDataError, match="kept"):
            audit.verify(connection, f"3:{bytes(32).hex()}")
        with pytest.raises(StoredDataError, match="row 9 existed once"):
            audit.verify(connection, f"9:{bytes(32).hex()}")
        with pytest.raises(InputError):
            audit.verify(connection, "three")


def test_no_table_could_hold_an_element(ledger_database: Database) -> None:
    """The one binary column is the chain's."""
    with ledger_database.read() as connection:
        binary = [
            f"{table.name}.{column['name']}"
            for table in metadata.sorted_tables
            for column in inspect(connection).get_columns(table.name)
            if "BLOB" in str(column["type"]) or "BYTEA" in str(column["type"])
        ]
    assert binary == ["audit.chain"]
