import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text

from stillwatch.errors import ConfigError, StoredDataError
from stillwatch.hub import migrations
from stillwatch.hub.database import Database, Full, connect, parse_url
from stillwatch.hub.schema import meta, metadata
from stillwatch.hub.setup import Made, initialise, opened


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hub.db", "is no URL"),
        ("mysql://root@h/x", "'mysql' is no kind"),
        ("sqlite://", "would forget"),
        ("sqlite:///:memory:", "would forget"),
        ("postgresql://h", "names no database"),
    ],
)
def test_what_is_no_database_is_said_with_an_example(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        parse_url(url)
    assert "sqlite:///hub.db" in str(error.value)


def test_a_missing_file_is_not_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(StoredDataError, match="hub init"):
        connect(f"sqlite:///{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as connection:
        connection.execute(insert(meta).values(name="x", value="1"))
        raise RuntimeError
    with database.read() as connection:
        assert connection.scalar(select(meta.c.value).where(meta.c.name == "x")) is None


def test_a_reader_sees_one_instant(database: Database) -> None:
    count = select(func.count()).select_from(meta)
    with database.read() as reader:
        before = reader.scalar(count)
        with database.write() as writer:
            writer.execute(insert(meta).values(name="x", value="1"))
        assert reader.scalar(count) == before


def test_what_is_committed_is_on_disk(database: Database) -> None:
    with database.read() as connection:
        if database.sqlite:
            assert connection.scalar(text("PRAGMA synchronous")) == 2
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        else:
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    initialise(url)
    database = connect(url)
    with database.read() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
    with pytest.raises(Full), database.write() as connection:
        connection.execute(text(f"PRAGMA max_page_count={pages + 2}"))
        connection.execute(insert(meta).values(name="x", value="x" * 1_000_000))
    database.close()


def test_init_makes_every_table_and_a_second_run_changes_nothing(
    database: Database, database_url: str, made: Made, key_file: Path
) -> None:
    with database.read() as connection:
        for table in metadata.sorted_tables:
            connection.execute(select(func.count()).select_from(table))
        before = connection.execute(select(meta).order_by(meta.c.name)).all()
    again = initialise(database_url, key_file)
    assert (again.fresh, again.upgraded, again.vkey) == (False, False, made.vkey)
    with database.read() as connection:
        assert connection.execute(select(meta).order_by(meta.c.name)).all() == before


def test_the_tables_are_those_of_the_schema(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with database.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize(("revision", "says"), [("9999", "newer version"), (None, "not init")])
def test_other_tables_than_ours_are_refused(
    database: Database, database_url: str, key_file: Path, revision: str | None, says: str
) -> None:
    with database.write() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        if revision:
            connection.execute(text(f"INSERT INTO alembic_version VALUES ('{revision}')"))
    with pytest.raises(StoredDataError, match=says):
        opened(database_url)
    if revision:
        with pytest.raises(StoredDataError, match="newer version"):
            initialise(database_url, key_file)


def test_an_older_database_is_refused_until_it_is_brought_up(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "newest", lambda: "0002")
    with pytest.raises(StoredDataError, match="older version .* backup"):
        opened(database_url)
    assert database.engine.dialect.name


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    path.write_bytes(b"not a database, but long enough to look like a file of some kind " * 20)
    with pytest.raises(StoredDataError, match="no database or is damaged"):
        initialise(f"sqlite:///{path}", tmp_path / "k")
    assert path.read_bytes().startswith(b"not a database")


def test_the_key_is_not_in_the_database(tmp_path: Path) -> None:
    initialise(f"sqlite:///{tmp_path / 'hub.db'}")
    key = tmp_path / "hub.db.key"
    assert key.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(tmp_path / "hub.db") as raw:
        assert "PRIVATE KEY" not in "".join(raw.iterdump())
    raw.close()
