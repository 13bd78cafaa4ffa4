"""Deciding in this process over a real store and a real stream: the same answers, and no source is no outage."""

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.decision import Decision, Scope, new_id
from stillwatch.errors import ConfigError
from stillwatch.gateway.adapters.client import Gateway
from stillwatch.gateway.adapters.inprocess import InProcess
from stillwatch.gateway.decider import FailRules
from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.table import Request
from stillwatch.gateway.tokens import Door
from stillwatch.store import decisions
from stillwatch.store.database import Store
from tests import gateways
from tests.databases import postgresql
from tests.guarding import record
from tests.servers import eventually


def put(url: str, effect: str, value: str, **more) -> Decision:
    now = datetime.now(UTC)
    said = record(effect, value, **more)
    made = Decision.of({**said, "until": (now + timedelta(hours=1)).timestamp(), "id": new_id()})
    with closing(Store(url)) as store, store.begin() as connection:
        decisions.add(connection, [made], by="tester", now=now)
    return made


def lift(url: str, made: Decision) -> None:
    with closing(Store(url)) as store, store.begin() as connection:
        decisions.lift(connection, made.id, by="tester", reason="test", now=datetime.now(UTC))


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'store.db'}"
    Store(found).close()
    return found


def test_decisions_of_a_store_are_in_force_and_fall(url):
    before = put(url, "block", "bad")
    with Gateway.following(url, poll_s=0.05) as gateway:
        assert gateway.ready(30)
        assert gateway.decide(account="bad").decision == before.id
        assert gateway.decide(account="good").allowed
        put(url, "block", "late")
        eventually(lambda: not gateway.decide(account="late").allowed)
        lift(url, before)
        eventually(lambda: gateway.decide(account="bad").allowed)


def test_a_postgresql_that_goes_and_comes_back_is_no_outage():
    with postgresql() as url:
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        Store(url).close()
        before = put(url, "block", "bad")
        asked = InProcess(url, "", None, None, None, 0.05)
        with (
            closing(asked),
            psycopg.connect(url.replace(f"/{name}?", "/postgres?"), autocommit=True) as other,
        ):
            assert asked.ready(30)
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            eventually(lambda: not asked.follower.counts.connected)
            assert asked.decide(Request(account="bad")).decision == before.id
            assert asked.decide(Request(account="good")).allowed
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            put(url, "block", "late")
            eventually(lambda: not asked.decide(Request(account="late")).allowed, 30)


@pytest.mark.parametrize("address", ["z" * 600, "192.0.2.9\0", "\ud800", "%"])
def test_what_is_no_address_does_not_pass_a_closed_door(url, address):
    rules = FailRules(closed=frozenset({Scope.RANGE}))
    with Gateway.following(url, poll_s=0.05, rules=rules) as gateway:
        assert gateway.ready(30)
        assert gateway.decide(address="192.0.2.9").allowed
        assert gateway.decide(address=address).status == 503


def test_a_long_zone_hides_no_address(url):
    put(url, "block", "2001:db8::/32", scope="range")
    with Gateway.following(url, poll_s=0.05) as gateway:
        assert gateway.ready(30)
        assert not gateway.decide(address="2001:db8::1%" + "z" * 600).allowed


def test_a_gateways_stream_is_followed_with_its_token(tmp_path):
    knowledge = Knowledge()
    knowledge.table.put(record("block", "bad"))
    knowledge.swap(knowledge.table, 1)
    with gateways.gateway(tmp_path, knowledge) as upstream:
        token = upstream.token(Door.STREAM)
        with Gateway.following(upstream.url, token=token) as gateway:
            assert gateway.ready(30)
            assert gateway.decide(account="bad").status == 403
        with Gateway.following(upstream.url, token="wrong") as gateway:
            assert not gateway.ready(0.5)
            assert gateway.decide(account="bad").allowed


def test_without_knowledge_requests_pass_but_for_closed_scopes_and_a_snapshot_is_knowledge(
    url, tmp_path
):
    made = put(url, "block", "bad")
    snapshot = tmp_path / "kept"
    with Gateway.following(url, snapshot=snapshot, poll_s=0.05) as gateway:
        assert gateway.ready(30)
    nowhere = f"sqlite:///{tmp_path / 'gone' / 'store.db'}"
    rules = FailRules(frozenset({Scope.SIGN_UP}))
    with Gateway.following(nowhere, rules=rules) as gateway:
        assert gateway.decide(account="bad").allowed
        assert gateway.decide(sign_up="s1").status == 503
    (tmp_path / "store.db").rename(tmp_path / "elsewhere")
    with Gateway.following(url, snapshot=snapshot) as gateway:
        assert gateway.ready(30)
        assert gateway.decide(account="bad").decision == made.id


def test_a_child_process_follows_for_itself(url):
    made = put(url, "block", "bad")
    with Gateway.following(url, poll_s=0.05) as gateway:
        assert gateway.ready(30)
        told, tell = os.pipe()
        child = os.fork()
        if not child:
            try:
                gateway.ready(30)
                os.write(tell, b"%d" % gateway.decide(account="bad").status)
                eventually(lambda: gateway.decide(account="bad").allowed)
                os.write(tell, b" free")
            finally:
                os._exit(0)
        os.close(tell)
        assert os.read(told, 3) == b"403"
        lift(url, made)
        os.waitpid(child, 0)
        assert os.read(told, 10) == b" free"
        os.close(told)


def test_a_rate_holds_for_all_processes_of_a_file_together(url, tmp_path):
    put(url, "throttle", "much", rate={"concurrency": 3})
    file = tmp_path / "throttle"
    options = {"throttle": file, "poll_s": 0.05}
    with Gateway.following(url, **options) as one, Gateway.following(url, **options) as two:
        assert one.ready(30)
        assert two.ready(30)
        leases = [one.decide(account="much").lease, two.decide(account="much").lease]
        with one.admit(account="much") as third:
            assert third.allowed
            assert {one.decide(account="much").status, two.decide(account="much").status} == {429}
        assert two.decide(account="much").allowed
        two.release(leases[0])  # whoever gives it back
        assert one.decide(account="much").allowed


@pytest.mark.parametrize("source", ["nonsense", "http://gateway.example.com"])
def test_a_source_that_cannot_be_used_is_refused_at_once(source):
    with pytest.raises(ConfigError):
        Gateway.following(source, token="sekret")


VALUES = st.sampled_from(["bad", "odd", "good", "late", "東京", None])
ADDRESSES = st.sampled_from(["192.0.2.7", "198.51.100.1", "2001:db8::1", "::ffff:192.0.2.9", None])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The two ways over the same decisions."""
    knowledge = Knowledge()
    for one in (
        record("block", "bad"),
        record("degrade", "odd", cohort="c7"),
        record("challenge", "late", shadow=True),
        record("block", "192.0.2.0/24", "range"),
        record("allow", "good", "organisation"),
        record("observe", "東京"),
    ):
        knowledge.table.put(one)
    knowledge.swap(knowledge.table, 1)
    with gateways.gateway(tmp_path_factory.mktemp("gateway"), knowledge) as service:
        stream = Gateway.following(service.url, token=service.token(Door.STREAM))
        remote = Gateway.remote(service.url, token=service.token(), deadline_s=10)
        with stream as inside, remote as outside:
            assert inside.ready(30)
            yield inside, outside


@given(account=VALUES, organisation=VALUES, address=ADDRESSES)
def test_both_ways_say_the_same(both, account, organisation, address):
    inside, outside = both
    request = Request(account=account, organisation=organisation, address=address)
    found = outside.decide(request), inside.decide(request)
    there, here = (answer._replace(age_s=None, scope=None) for answer in found)
    assert there == here
