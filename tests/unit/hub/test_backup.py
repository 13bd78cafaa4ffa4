import sqlite3
import stat

import pytest
from sqlalchemy import func, insert, select

from stillwatch.errors import ConfigError, StoredDataError
from stillwatch.hub import audit, members
from stillwatch.hub.audit import Act
from stillwatch.hub.backup import back_up, restore, verify
from stillwatch.hub.database import connect
from stillwatch.hub.logkey import signer
from stillwatch.hub.schema import meta, metadata
from stillwatch.hub.transparency.log import head
from tests.databases import postgresql
from tests.governed import world


@pytest.fixture
def full(database, made):
    """A hub with members, claims, opinions, an appeal's tables and an audit."""
    with database.write() as connection:
        forum = world(connection, signer(connection, made.key_file))
        for name in ("alpha", "beta"):
            forum.join(name)
        claim = forum.claim("alpha")
        forum.opinion("beta", claim, "agree")
        forum.follow()
        audit.append(connection, [Act(1, None, "read", "x", n) for n in range(5)])
    return database


def rows(database):
    with database.read() as connection:
        return {
            table.name: sorted(
                map(repr, connection.execute(select(table)).mappings().all()),
            )
            for table in metadata.sorted_tables
        }


def test_a_copy_holds_everything_and_is_for_its_owner_alone(full, tmp_path):
    out = tmp_path / "copy.db"
    made = back_up(full, out)
    assert (made.size, made.objects, made.origin) == (4, 2, "hub.test/log")
    assert made.audit.startswith("5:")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    copy = connect(f"sqlite:///{out}")
    assert rows(copy) == rows(full)
    copy.close()
    assert {path.name for path in tmp_path.iterdir()} >= {"copy.db"}
    assert not list(tmp_path.glob("copy.db.part*"))


def test_a_copy_is_never_overwritten(full, tmp_path):
    out = tmp_path / "copy.db"
    out.write_text("mine")
    with pytest.raises(ConfigError, match="exists"):
        back_up(full, out)
    assert out.read_text() == "mine"


def test_a_place_that_cannot_be_is_said(full, tmp_path):
    with pytest.raises(ConfigError, match="cannot be made"):
        back_up(full, tmp_path / "missing" / "copy.db")


def test_a_hub_with_a_damaged_log_gives_no_copy(full, tmp_path):
    from sqlalchemy import update

    from stillwatch.hub.schema import leaves

    with full.write() as connection:
        connection.execute(update(leaves).where(leaves.c.index == 2).values(entry=bytes(48)))
    with pytest.raises(StoredDataError, match="do not lead to the checkpoint"):
        back_up(full, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_copy_that_was_altered_is_seen(full, tmp_path):
    out = tmp_path / "copy.db"
    back_up(full, out)
    with sqlite3.connect(out) as connection:
        connection.execute("UPDATE audit SET count = 99 WHERE seq = 3")
    connection.close()
    with pytest.raises(StoredDataError, match="audit: row 3"):
        verify(out)


def test_a_copy_is_restored_and_goes_on(full, made, tmp_path):
    out = tmp_path / "copy.db"
    back_up(full, out)
    with postgresql() as url:
        for target in (f"sqlite:///{tmp_path / 'restored.db'}", url):
            assert restore(out, target).size == 4
            restored = connect(target)
            assert rows(restored) == rows(full)
            with restored.write() as connection:
                log_signer = signer(connection, made.key_file)
                assert head(connection).checkpoint.size == 4
                added = members.add(connection, "gamma", "member", now=1)
                audit.append(connection, [Act(2, added.id, "read", "x")])
                assert audit.verify(connection).seq == 6
                assert log_signer.origin == "hub.test/log"
                world(connection, log_signer).join("delta")
                assert head(connection).checkpoint.size == 5
            restored.close()


def test_nothing_is_restored_over_a_hub(full, tmp_path):
    out = tmp_path / "copy.db"
    back_up(full, out)
    before = rows(full)
    with pytest.raises(ConfigError, match="not empty"):
        restore(out, full.url.render_as_string(hide_password=False))
    assert rows(full) == before


def test_a_copy_is_of_one_instant_while_others_write(full, tmp_path):
    with full.read() as connection:
        before = connection.scalar(select(func.count()).select_from(meta))
    with full.write() as connection:
        connection.execute(insert(meta).values(name="half", value="written"))
        if not full.sqlite:  # SQLite's copy waits for nobody and sees what is committed
            back_up(full, tmp_path / "copy.db")
    if full.sqlite:
        back_up(full, tmp_path / "copy.db")
        before += 1
    copy = connect(f"sqlite:///{tmp_path / 'copy.db'}")
    with copy.read() as connection:
        assert connection.scalar(select(func.count()).select_from(meta)) == before
    copy.close()
