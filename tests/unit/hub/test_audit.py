import threading
from contextlib import closing

import pytest
from sqlalchemy import create_engine, delete, insert, select, update

from stillwatch.errors import InputError, StoredDataError
from stillwatch.hub import audit, members
from stillwatch.hub.audit import Act, Recorder
from stillwatch.hub.schema import audit as table
from stillwatch.hub.schema import metadata


@pytest.fixture
def written(connection):
    alpha = members.add(connection, "alpha", "member", now=0)
    acts = [Act(at, alpha.id, "read", "collection", at) for at in range(1, 6)]
    audit.append(connection, acts[:2])
    audit.append(connection, acts[2:])
    return connection


def test_a_sound_audit_has_its_head(written):
    head = audit.verify(written)
    assert head.seq == 5
    assert audit.verify(written, str(head)) == head


def test_an_empty_audit_is_sound(connection):
    assert audit.verify(connection).seq == 0


@pytest.mark.parametrize("column", ["at", "member", "action", "subject", "count"])
def test_an_altered_row_is_seen(written, column):
    other = {"at": 9, "member": None, "action": "write", "subject": "x", "count": 9}
    written.execute(update(table).where(table.c.seq == 3).values({column: other[column]}))
    with pytest.raises(StoredDataError, match="row 3 was altered"):
        audit.verify(written)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_deleted_row_is_seen(written, seq):
    written.execute(delete(table).where(table.c.seq == seq))
    with pytest.raises(StoredDataError, match=f"row {seq} is missing"):
        audit.verify(written)


def test_an_inserted_row_is_seen(written):
    row = {"seq": 6, "at": 1, "action": "read", "subject": "x", "count": 1, "chain": bytes(32)}
    written.execute(insert(table).values(row))
    with pytest.raises(StoredDataError, match="row 6"):
        audit.verify(written)


def test_a_forged_chain_does_not_lead_to_what_was_kept(written):
    kept = str(audit.verify(written))
    rows = written.execute(select(table).order_by(table.c.seq)).mappings().all()
    written.execute(delete(table))
    audit.put(written, "audit", f"0:{bytes(32).hex()}")
    acts = [Act(r["at"], r["member"], r["action"], r["subject"], r["count"] + 1) for r in rows]
    audit.append(written, acts)
    audit.verify(written)
    with pytest.raises(StoredDataError, match="kept"):
        audit.verify(written, kept)


def test_a_head_is_checked_for_its_form(written):
    with pytest.raises(InputError, match="no head of an audit"):
        audit.verify(written, "yesterday")


def test_rows_are_found_by_what_they_say(written):
    audit.append(written, [Act(9, None, "member.suspend", "alpha")])
    found = audit.rows(written, member="alpha", since=2, until=5)
    assert [row.at for row in found] == [2, 3, 4]
    assert [row.at for row in audit.rows(written, limit=2)] == [5, 9]
    assert [row.subject for row in audit.rows(written, action="member.")] == ["alpha"]
    assert audit.rows(written, action="member") == []
    assert [row.count for row in audit.rows(written, subject="collection")] == [1, 2, 3, 4, 5]


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/audit.db", connect_args={"timeout": 30})
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_what_is_recorded_is_written_at_the_end(engine):
    recorder = Recorder(engine.begin, every=60)
    for at in range(100):
        recorder.record(Act(at, None, "read", "collection"))
    recorder.close()
    with engine.begin() as connection:
        assert audit.verify(connection).seq == 100


def test_a_full_recorder_writes_at_once(engine):
    recorder = Recorder(engine.begin, every=60, most=10)
    for at in range(10):
        recorder.record(Act(at, None, "read", "collection"))
    with engine.begin() as connection:
        assert audit.verify(connection).seq == 10
    recorder.close()


def test_what_could_not_be_written_is_kept_and_stops_the_reader(engine):
    broken = True

    def begin():
        if broken:
            raise OSError("no database")
        return engine.begin()

    recorder = Recorder(begin, every=60, most=3)
    recorder.record(Act(0, None, "read", "collection"))
    recorder.record(Act(1, None, "read", "collection"))
    with pytest.raises(OSError, match="no database"):
        recorder.record(Act(2, None, "read", "collection"))
    broken = False
    recorder.close()
    with engine.begin() as connection:
        assert audit.verify(connection).seq == 3


def test_several_threads_make_one_chain(engine):
    recorder = Recorder(engine.begin, every=60, most=7)
    threads = [
        threading.Thread(
            target=lambda: [recorder.record(Act(i, None, "read", "x")) for i in range(50)]
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    with engine.begin() as connection:
        assert audit.verify(connection).seq == 200


def test_guesses_from_everywhere_make_few_rows(engine):
    recorder = Recorder(engine.begin, every=60, most=10)
    for at in range(5000):
        recorder.record(Act(at, None, "refused.401", audit.place(f"10.{at % 250}.{at // 250}.7")))
    with engine.begin() as connection:
        assert audit.rows(connection) == []
    recorder.close()
    with engine.begin() as connection:
        rows = audit.rows(connection)
        audit.verify(connection)
    assert len(rows) == 65
    assert sum(row.count for row in rows) == 5000
    assert {row.subject for row in rows} >= {"from 10.0.0.0/24", "from elsewhere"}


def test_guesses_are_written_when_their_minute_is_over_and_not_before(engine):
    with closing(Recorder(engine.begin, every=60, minute=3600)) as recorder:
        recorder.record(Act(1, None, "refused.401", "from 192.0.2.0/24"))
        recorder.record(Act(2, 1, "refused.403", "/api/"))
        recorder.record(Act(3, 1, "refused.403", "/api/"))
        recorder.flush()
        with engine.begin() as connection:
            assert [(r.action, r.count) for r in audit.rows(connection)] == [("refused.403", 2)]
    with closing(Recorder(engine.begin, every=60, minute=0)) as recorder:
        recorder.record(Act(4, None, "refused.401", "from 192.0.2.0/24"))
        recorder.flush()
        with engine.begin() as connection:
            assert [r.at for r in audit.rows(connection, action="refused.401")] == [1, 4]


@pytest.mark.parametrize(
    ("peer", "told"),
    [
        ("192.0.2.77", "from 192.0.2.0/24"),
        ("::ffff:192.0.2.77", "from 192.0.2.0/24"),
        ("2001:db8:1:2::3", "from 2001:db8:1::/48"),
        ("fe80::1%eth0", "from fe80::/48"),
        ("testclient", "from elsewhere"),
        ("", "from elsewhere"),
    ],
)
def test_places_are_networks(peer, told):
    assert audit.place(peer) == told
