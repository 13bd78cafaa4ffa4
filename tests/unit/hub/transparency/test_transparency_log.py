"""The log's writer on both databases, against the tree as its definition has it."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, update

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.merkle import leaf_hash, subtrees
from stillwatch.crypto.note import Checkpoint, Note
from stillwatch.crypto.records import entry
from stillwatch.crypto.tiles import from_tiles, tiles_of
from stillwatch.errors import ConfigError, StoredDataError
from stillwatch.hub import logkey
from stillwatch.hub.database import Database, connect
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.schema import audiences, checkpoints, leaves, meta, tiles
from stillwatch.hub.setup import initialise
from stillwatch.hub.transparency.log import Row, append, head

SECRET = b"s" * 32


@pytest.fixture
def signer(database: Database, key_file) -> LogSigner:
    with database.write() as connection:
        connection.execute(
            insert(audiences).values(id=1, collection=None, rule="{}", secret=SECRET)
        )
        return logkey.signer(connection, key_file)


def rows(count: int, start: int = 0) -> list[Row]:
    return [Row(b"record %d" % n, 1) for n in range(start, start + count)]


def tree(connection: Connection) -> list[bytes]:
    query = select(leaves.c.entry).order_by(leaves.c.index)
    return [leaf_hash(bytes(stored)) for stored in connection.scalars(query)]


def check(connection: Connection, signer: LogSigner, size: int) -> None:
    """Entries, every tile and every checkpoint are what the definition says."""
    hashes = tree(connection)
    assert len(hashes) == size
    mth = subtrees(hashes)
    stored = {
        (level, index): bytes(kept)
        for level, index, kept in connection.execute(
            select(tiles.c.level, tiles.c.index, tiles.c.hashes)
        )
    }
    expected = {
        (t.level, t.index): b"".join(
            mth(n * 256**t.level, (n + 1) * 256**t.level)
            for n in range(t.index * 256, t.index * 256 + t.width)
        )
        for t in tiles_of(size)
    }
    assert stored == expected
    if size:
        assert from_tiles(lambda t: stored[t.level, t.index], size)(0, size) == mth(0, size)
    before = -1
    query = select(checkpoints.c.size, checkpoints.c.note, checkpoints.c.made)
    for at, note, made in connection.execute(query.order_by(checkpoints.c.size)):
        said = Checkpoint.parse(Note.parse(note).verify(signer.vkey))
        assert (said.origin, said.size, said.root) == (signer.origin, at, mth(0, at))
        assert made >= before
        before = made


def test_a_new_log_is_empty_and_signed(database, signer):
    with database.read() as connection:
        assert head(connection).checkpoint.size == 0
        check(connection, signer, 0)


@pytest.mark.parametrize("chunks", [[1] * 5, [255, 1, 1], [300, 212, 1], [256], [700], [0, 3]])
def test_tiles_and_checkpoints_are_those_of_the_definition(database, signer, chunks):
    size = 0
    for chunk in chunks:
        with database.write() as connection:
            made = append(connection, rows(chunk, size), signer)
        size += chunk
        assert made.checkpoint.size == size
    with database.read() as connection:
        check(connection, signer, size)
        first = connection.scalar(select(leaves.c.entry).where(leaves.c.index == 0))
        assert bytes(first) == entry(b"record 0", SECRET, 0)


def test_a_log_of_three_levels(database, signer):
    """65,536 entries fill a tile of the second level."""
    with database.write() as connection:
        append(connection, rows(65_530), signer)
    with database.write() as connection:
        append(connection, rows(10, 65_530), signer)
    with database.read() as connection:
        kept = connection.execute(select(tiles.c.level, tiles.c.index)).all()
        assert {tuple(row) for row in kept} >= {(0, 256), (1, 0), (2, 0)}
        assert head(connection).checkpoint.root == subtrees(tree(connection))(0, 65_540)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_any_chunks_lead_to_the_same_tree(tmp_path_factory, chunks):
    folder = tmp_path_factory.mktemp("log")
    url, key = f"sqlite:///{folder / 'hub.db'}", folder / "key"
    initialise(url, key, "hub.test/log")
    database = connect(url)
    with database.write() as connection:
        connection.execute(
            insert(audiences).values(id=1, collection=None, rule="{}", secret=SECRET)
        )
        signer = logkey.signer(connection, key)
    for at, chunk in enumerate(chunks):
        with database.write() as connection:
            append(connection, rows(chunk, sum(chunks[:at])), signer)
    with database.read() as connection:
        check(connection, signer, sum(chunks))
    database.close()


def test_nothing_of_a_transaction_that_fails_is_logged(database, signer):
    with database.write() as connection:
        append(connection, rows(3), signer)
    with pytest.raises(StoredDataError, match="audience 9 does not exist"):
        _append_and_fail(database, signer)
    with database.read() as connection:
        check(connection, signer, 3)


def _append_and_fail(database: Database, signer: LogSigner) -> None:
    with database.write() as connection:
        append(connection, rows(2, 3), signer)
        append(connection, [Row(b"x", 9)], signer)


def test_writers_take_turns(database, signer):
    """Threads with connections of their own append at once; the log is one sequence."""

    def write(number: int) -> None:
        for at in range(10):
            with database.write() as connection:
                append(connection, [Row(b"%d %d" % (number, at), 1)] * 3, signer)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        check(connection, signer, 120)
        assert connection.scalar(select(checkpoints.c.size).where(checkpoints.c.size == 60)) == 60


def test_a_clock_that_goes_back_does_not_take_checkpoints_with_it(database, signer):
    future = 4_000_000_000_000_000
    with database.write() as connection:
        connection.execute(update(checkpoints).values(made=future))
    with database.write() as connection:
        assert append(connection, rows(1), signer).made == future
    with database.read() as connection:
        check(connection, signer, 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"hashes": b"x" * 96}, "do not lead to the root"), ({"hashes": b"x" * 64}, "not 96")],
)
def test_nothing_is_appended_to_a_damaged_log(database, signer, values, message):
    with database.write() as connection:
        append(connection, rows(3), signer)
        connection.execute(update(tiles).values(**values))
    with pytest.raises(StoredDataError, match=message), database.write() as connection:
        append(connection, rows(1, 3), signer)
    with database.write() as connection:
        connection.execute(update(checkpoints).values(note="no note"))
    with pytest.raises(StoredDataError, match="checkpoint 3 is damaged"):
        _append(database, signer)


def _append(database: Database, signer: LogSigner) -> None:
    with database.write() as connection:
        append(connection, rows(1), signer)


def test_a_database_without_a_log_says_so(database, signer):
    with database.write() as connection:
        connection.execute(checkpoints.delete())
    with pytest.raises(StoredDataError, match="holds no log"):
        _append(database, signer)


def test_the_wrong_key_signs_nothing(database, signer, tmp_path):
    other = tmp_path / "other.key"
    SigningKey.generate().save(other)
    with database.read() as connection, pytest.raises(ConfigError, match="was begun with"):
        logkey.signer(connection, other)
    with database.write() as connection:
        connection.execute(meta.delete())
    with database.read() as connection, pytest.raises(StoredDataError, match="hub init"):
        logkey.signer(connection, other)
    assert signer.key.id
