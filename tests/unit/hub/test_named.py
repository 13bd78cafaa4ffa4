"""Ids are found by the index, and pages follow it, before any statistics and after."""

import re
import uuid

import pytest
from sqlalchemy import event, insert, select, text

from stillwatch.hub import audience
from stillwatch.hub.auth import Authenticator
from stillwatch.hub.named import named
from stillwatch.hub.schema import objects
from stillwatch.hub.taxii.pages import Sight, page
from stillwatch.hub.taxii.query import Query
from tests.hubs import people

COUNT = 3000


@pytest.fixture
def filled(made, database, database_url, key_file):
    """A collection of 3,000 objects, each in two versions, and what alpha sees of it."""
    assert made.fresh
    world = people(database_url, key_file)
    with database.read() as connection:
        caller = Authenticator().caller(connection, f"Bearer {world.tokens['alpha']}")
    mixed = caller.collection("mixed")
    with database.write() as connection:
        rule = audience.keep(connection, mixed.id, [audience.EVERYONE])[audience.EVERYONE]
        ids = [f"indicator--{uuid.UUID(int=n, version=4)}" for n in range(COUNT)]
        rows = [
            {"collection": mixed.id, "stix_id": stix_id, "type": "indicator", "body": b"{}",
             "spec_version": "2.1", "version": version, "stated": str(version), "audience": rule,
             "date_added": version * COUNT + n, "member": caller.member}
            for version in (1, 2) for n, stix_id in enumerate(ids)
        ]  # fmt: skip
        connection.execute(insert(objects), rows)
    return Sight(caller, mixed, (rule,)), ids


def test_all_versions_of_the_named_are_found_and_nothing_else(filled, database):
    sight, ids = filled
    with database.read() as connection:
        found = named(connection, sight.collection.id, [ids[7], ids[7], ids[9], "indicator--x"])
        told = connection.execute(select(found.c.stix_id, found.c.version)).all()
        assert sorted(told) == [(ids[n], version) for n in (7, 9) for version in (1, 2)]
        assert not connection.execute(select(named(connection, str(uuid.uuid4()), ids[:3]))).all()


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("asked", [0, 1, 100])
def test_no_plan_reads_more_than_it_needs(filled, database, analyzed, asked):
    if database.sqlite:
        pytest.skip("SQLite has one plan for it")
    sight, ids = filled
    plans = []

    def explain(connection, _cursor, statement, parameters, *_):
        if not statement.startswith("EXPLAIN"):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE) {statement}", parameters)
                plans.append("\n".join(row[0] for row in cursor.fetchall()))

    if analyzed:
        with database.write() as connection:
            connection.execute(text("ANALYZE"))
    with database.read() as connection:
        event.listen(connection, "before_cursor_execute", explain)
        found = page(connection, sight, Query(50, ids=tuple(ids[:asked])), [objects.c.stated])
    assert {row.stated for row in found.rows} == {"2"}
    assert len(found.rows) == min(asked or 50, 50)
    assert plans
    for plan in plans:
        assert "Parallel" not in plan
        assert "Seq Scan" not in plan
        assert "Materialize" not in plan
        if asked:
            assert len(re.findall(r"Index Cond: .* AND \(stix_id = ", plan)) == 2
        else:
            assert "Sort" not in plan
