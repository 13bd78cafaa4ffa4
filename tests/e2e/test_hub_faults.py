"""Faults: killed processes, a full disk, a clock set back, several workers at once.

Real processes of ``stillwatch hub serve``, killed with SIGKILL while clients write.
"""

import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event, text

from stillwatch.hub.clock import now
from stillwatch.hub.database import connect
from stillwatch.hub.setup import initialise
from tests.databases import postgresql, sqlite
from tests.hubs import World, indicator, people, serving

KILLS = int(os.environ.get("STILLWATCH_KILLS", "3"))
"""Kills for each database; 50 make the hundred of a full run."""


_FULL_AT_THE_THIRD = (
    "CREATE SEQUENCE rows_of_a_full_disk",
    """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('rows_of_a_full_disk') > 2 THEN
        RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NEW;
    END $$""",
    "CREATE TRIGGER full_disk BEFORE INSERT ON objects FOR EACH ROW EXECUTE FUNCTION full_disk()",
)
"""PostgreSQL's own error of a full disk, while the rows of a request go in."""


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kind = sqlite(tmp_path) if request.param == "sqlite" else postgresql()
    with kind as url:
        initialise(url, tmp_path / "log.key", "hub.test/log")
        yield people(url, tmp_path / "log.key")


@contextmanager
def process(world: World, workers: int = 1) -> Iterator[subprocess.Popen[str]]:
    """A hub of its own process group; killed at the end."""
    command = [sys.executable, "-m", "stillwatch", "hub", "serve", "--database", world.url,
               "--key", str(world.key_file), "--port", "0", "--workers", str(workers)]  # fmt: skip
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert started.stdout is not None
    try:
        said = started.stdout.readline()
        found = re.search(r"http://\S+?:\d+", said)
        assert found is not None, said
        world.base = found[0]
        yield started
    finally:
        _kill(started)
        started.stdout.close()


def test_killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_half_there(
    world: World,
) -> None:
    path, chance = world.box(), random.Random(11)
    acknowledged: list[set[str]] = []
    for _ in range(KILLS):
        with process(world) as running, world.client("alpha") as client:
            client.get("/api/").raise_for_status()
            threading.Timer(chance.uniform(0.01, 0.4), _kill, (running,)).start()
            acknowledged += _write_until_it_dies(client, path)
    with process(world), world.client("alpha") as client:
        stored = {one["id"] for one in _everything(client, path, "manifest/")}
        whole = [obj for obj in _everything(client, path, "objects/") if obj["id"] in stored]
    assert len(whole) == len(stored)
    assert acknowledged, "no request was answered before a kill"
    assert all(ids <= stored for ids in acknowledged)
    # every request is there as a whole or not at all
    assert len(stored) % 20 == 0


def test_stopped_by_a_signal_it_ends_well(tmp_path: Path) -> None:
    with sqlite(tmp_path) as url:
        initialise(url, tmp_path / "log.key")
        world = people(url, tmp_path / "log.key")
        with process(world) as running:
            with world.client("alpha") as client:
                client.get("/api/").raise_for_status()
            running.send_signal(signal.SIGTERM)
            assert running.wait(30) == 0


def test_several_workers_page_while_others_write(tmp_path: Path) -> None:
    with postgresql() as url:
        initialise(url, tmp_path / "log.key")
        world = people(url, tmp_path / "log.key")
        path = world.box(writers=["alpha", "gamma"])
        with process(world, workers=2):
            sent: list[str] = []
            lock = threading.Lock()

            def write(name: str) -> None:
                with world.client(name) as client:
                    for _ in range(8):
                        objects = [indicator(n) for n in range(5)]
                        answer = client.post(path + "objects/", json={"objects": objects})
                        assert answer.status_code == 202, answer.text
                        with lock:
                            sent.extend(obj["id"] for obj in objects)

            writers = [threading.Thread(target=write, args=(n,)) for n in ("alpha", "gamma")]
            for writer in writers:
                writer.start()
            got = _follow(world, path, writers)
        assert len(sent) == 80
        assert sorted(got) == sorted(sent)


def test_a_full_disk_is_told_and_nothing_of_it_is_stored(tmp_path: Path) -> None:
    with sqlite(tmp_path) as url:
        initialise(url, tmp_path / "log.key")
        world = people(url, tmp_path / "log.key")
        path = world.box()
        with serving(world), world.client("alpha") as client:
            kept = indicator()
            assert client.post(path + "objects/", json={"objects": [kept]}).status_code == 202
            big = [indicator(name="x" * 100_000) for _ in range(50)]
            with _full_disk():
                answer = client.post(path + "objects/", json={"objects": big})
            assert answer.status_code == 507, answer.text
            assert answer.json()["http_status"] == "507"
            assert client.get(path + "objects/").json()["objects"] == [kept]


def test_a_full_disk_of_postgresql_is_told_and_nothing_of_it_is_stored(tmp_path: Path) -> None:
    with postgresql() as url:
        initialise(url, tmp_path / "log.key")
        world = people(url, tmp_path / "log.key")
        path, database = world.box(), connect(url)
        with serving(world), world.client("alpha") as client:
            kept = indicator()
            assert client.post(path + "objects/", json={"objects": [kept]}).status_code == 202
            with database.write() as connection:
                for statement in _FULL_AT_THE_THIRD:
                    connection.exec_driver_sql(statement)
            sent = [indicator(number) for number in range(5)]
            answer = client.post(path + "objects/", json={"objects": sent})
            assert answer.status_code == 507, answer.text
            assert client.get(path + "objects/").json()["objects"] == [kept]
            with database.write() as connection:
                connection.exec_driver_sql("DROP TRIGGER full_disk ON objects")
            assert client.post(path + "objects/", json={"objects": sent}).status_code == 202
            assert client.get(path + "objects/").json()["objects"] == [kept, *sent]
        database.close()


def test_a_clock_that_is_set_back_changes_no_order(world: World) -> None:
    times = count(now(), -3_600_000_000)
    path = world.box()
    with serving(world, clock=lambda: next(times)) as hub, hub.client("alpha") as client:
        sent = [indicator(number) for number in range(6)]
        for obj in sent:
            client.post(path + "objects/", json={"objects": [obj]}).raise_for_status()
        records = client.get(path + "manifest/").json()["objects"]
        assert [record["id"] for record in records] == [obj["id"] for obj in sent]
        added = [record["date_added"] for record in records]
        assert added == sorted(set(added))


def test_a_revoked_token_stops_at_once_in_every_worker(tmp_path: Path) -> None:
    from stillwatch.hub import tokens

    with postgresql() as url:
        initialise(url, tmp_path / "log.key")
        world = people(url, tmp_path / "log.key")
        with process(world, workers=2):
            clients = [world.client("alpha") for _ in range(8)]
            assert {client.get("/api/").status_code for client in clients} == {200}
            database = connect(url)
            with database.write() as connection:
                tokens.revoke(connection, tokens.listed(connection, "alpha")[0].id, now=now())
            database.close()
            assert {client.get("/api/").status_code for client in clients} == {401}
            for client in clients:
                client.close()


def test_the_database_is_sound_after_a_kill(tmp_path: Path) -> None:
    with sqlite(tmp_path) as url:
        initialise(url, tmp_path / "log.key")
        world = people(url, tmp_path / "log.key")
        path = world.box()
        with process(world) as running, world.client("alpha") as client:
            client.get("/api/").raise_for_status()
            threading.Timer(0.1, _kill, (running,)).start()
            _write_until_it_dies(client, path)
            database = connect(url)
        with database.read() as connection:
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
        database.close()


@contextmanager
def _full_disk() -> Iterator[None]:
    """Let no SQLite database of this process grow: what a full disk does."""

    def full(connection: Any) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    event.listen(Engine, "begin", full)
    try:
        yield
    finally:
        event.remove(Engine, "begin", full)


def _write_until_it_dies(client: httpx.Client, path: str) -> list[set[str]]:
    told: list[set[str]] = []
    while True:
        objects = [indicator(n) for n in range(20)]
        try:
            answer = client.post(path + "objects/", json={"objects": objects})
        except httpx.TransportError:
            return told
        assert answer.status_code == 202
        told.append({obj["id"] for obj in objects})


def _everything(client: httpx.Client, path: str, part: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {}
    while True:
        page = client.get(path + part, params=query).json()
        found += page.get("objects", [])
        if not page.get("more"):
            return found
        query["next"] = page["next"]


def _follow(world: World, path: str, writers: list[threading.Thread]) -> list[str]:
    """Ids in the order a reader that polls by pages of three sees them, each page elsewhere."""
    got: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        writing = any(writer.is_alive() for writer in writers)
        with world.client("beta") as client:  # a connection of its own: any worker answers
            page = client.get(path + "objects/", params=query)
        objects = page.json().get("objects", [])
        got += [obj["id"] for obj in objects]
        if objects:
            query["added_after"] = page.headers["x-taxii-date-added-last"]
        elif not writing:
            return got


def _kill(started: "subprocess.Popen[str]") -> None:
    try:
        os.killpg(started.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    started.wait(30)
