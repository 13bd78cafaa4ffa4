"""The revisions lead to the tables that the program is written for, in every detail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from stillwatch.hub import migrations
from stillwatch.hub.database import parse_url
from stillwatch.hub.schema import metadata
from tests.databases import postgresql, sqlite


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Two empty databases of a kind."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    if request.param == "sqlite":
        with sqlite(tmp_path / "one") as one, sqlite(tmp_path / "two") as two:
            yield from _opened(one, two)
    else:
        with postgresql() as one, postgresql() as two:
            yield from _opened(one, two)


def _opened(*urls: str) -> Iterator[tuple[Engine, Engine]]:
    one, two = (create_engine(parse_url(url)) for url in urls)
    yield one, two
    one.dispose()
    two.dispose()


def _tables(engine: Engine) -> dict[str, Any]:
    """Everything that the database says of its tables."""
    found, told = inspect(engine), {}
    for table in found.get_table_names():
        if table == "alembic_version":
            continue
        told[table] = {
            "columns": [{**c, "type": repr(c["type"])} for c in found.get_columns(table)],
            "primary key": found.get_pk_constraint(table),
            "foreign keys": sorted(found.get_foreign_keys(table), key=repr),
            "unique": sorted(found.get_unique_constraints(table), key=repr),
            "indexes": sorted(found.get_indexes(table), key=repr),
        }
    return told


def test_the_revisions_make_the_tables_of_the_schema(pair: tuple[Engine, Engine]) -> None:
    migrated, made = pair
    with migrated.begin() as connection:
        assert migrations.upgrade(connection)
    metadata.create_all(made)
    assert _tables(migrated) == _tables(made)
    assert set(_tables(made)) == set(metadata.tables)


def test_a_table_that_differs_would_be_seen(pair: tuple[Engine, Engine]) -> None:
    one, other = pair
    metadata.create_all(one)
    metadata.create_all(other)
    with other.begin() as connection:
        connection.execute(text("DROP INDEX objects_by_type"))
    assert _tables(one) != _tables(other)


def test_the_first_revision_does_not_follow_the_schema() -> None:
    first = Path(migrations.__file__).parent / "versions" / "0001_first.py"
    assert "stillwatch" not in first.read_text(encoding="utf-8")
