"""Many decisions at once are kept as a few are, on each database."""

import pytest

from stillwatch.errors import StoredDataError
from stillwatch.store import decisions as d
from stillwatch.store.bulk import put
from stillwatch.store.database import Store
from stillwatch.store.schema import decision_evidence
from tests.databases import database_url
from tests.decided import NOW, decided, in_force

__all__ = ["database_url"]
ODD = ["tab\tnew line\nback\\slash", "\\N", "\\.", "ünï", '"quoted", {x}', "NULL"]


@pytest.fixture
def store(database_url):
    opened = Store(database_url)
    yield opened
    opened.close()


def test_many_are_kept_as_they_were_made_with_their_acts_and_changes(store):
    made = [
        decided(f"a{n}", reason=ODD[n % len(ODD)], evidence=[f"case:{n}", "finding:run/C1"])
        for n in range(120)
    ]
    with store.begin() as connection:
        since = d.newest(connection)
        d.add(connection, made, by="alice", now=NOW)
    with store.begin() as connection:
        assert in_force(connection) == {one.id: one for one in made}
        assert [c.id for c in d.changes(connection, since, 1000)] == [one.id for one in made]
        acts = d.acts(connection)
        assert [act.decision for act in acts] == [one.id for one in made]
        assert [act.seq for act in acts] == sorted(act.seq for act in acts)
        assert len(d.undo(connection, "case:7", by="bob", reason="no", now=NOW)) == 0
        assert len(d.undo(connection, "finding:run/C1", by="bob", reason="no", now=NOW)) == 1


def test_what_cannot_be_kept_leaves_nothing(store):
    row = {"evidence": "case:1", "decision": "decision--1", "own": 1}
    rows = [row | {"decision": f"decision--{n}"} for n in range(99)] + [row]
    with pytest.raises(StoredDataError, match="failed"), store.begin() as connection:
        put(connection, decision_evidence, rows)
    with store.begin() as connection:
        assert connection.execute(decision_evidence.select()).first() is None
        put(connection, decision_evidence, [])
        put(connection, decision_evidence, rows[:-1])
        assert len(connection.execute(decision_evidence.select()).all()) == 99
