"""What a gateway does when what it rests on fails: real processes, under load.

Everywhere: no wrong block, no lost decision, each fault counted and visible.
"""

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from stillwatch.domain.decision import Rate
from stillwatch.gateway.throttle import burst
from stillwatch.gateway.tokens import read_token
from tests.databases import postgresql
from tests.gatewayprocs import Load, decided, keep, running, until

FREE = ("--port", "0")


@pytest.fixture
def store(tmp_path):
    url = f"sqlite:///{tmp_path / 'share.db'}"
    keep(url, decided("bad"))
    return url


def settings(folder: Path, text: str = "") -> Path:
    path = folder / "gateway.toml"
    path.write_text(f'[source]\nstore = "sqlite:///share.db"\npoll_s = 0.1\n{text}')
    return path


def token(folder: Path) -> str:
    return read_token(folder / "decide.token")


def test_a_database_that_takes_no_connections_for_a_while(tmp_path):
    with postgresql() as url:
        keep(url, decided("bad"))
        name = urlsplit(url).path.removeprefix("/")
        admin = url.replace(f"/{name}?", "/postgres?", 1)
        with (
            running(tmp_path, "--store", url, *FREE) as up,
            psycopg.connect(admin, autocommit=True) as server,
        ):
            with Load(up.url, token(tmp_path)) as load:
                server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
                server.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [name],
                )
                until(lambda: up.figure("source_errors_total") > 0)
                assert up.state()["source_error"]
                load.more()
                server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
                keep(url, decided("worse"))
                until(lambda: not up.decide(account="worse")["allowed"])
                assert up.state()["source_error"] is None
            load.nothing_wrong()
            assert load.counts["connection lost"] == 0


def test_a_store_file_that_is_away_for_a_while_and_comes_back_from_a_copy(tmp_path, store):
    with running(tmp_path, "--config", str(settings(tmp_path)), *FREE) as up:
        with Load(up.url, token(tmp_path)) as load:
            with closing(sqlite3.connect(tmp_path / "share.db")) as one:
                one.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy(tmp_path / "share.db", tmp_path / "copy.db")
            for name in ("share.db", "share.db-wal", "share.db-shm"):
                if (tmp_path / name).exists():
                    (tmp_path / name).rename(tmp_path / f"away-{name}")
            until(lambda: up.state()["source_error"])
            assert not (tmp_path / "share.db").exists()
            assert up.figure("source_errors_total") > 0
            load.more()
            (tmp_path / "copy.db").rename(tmp_path / "share.db")
            keep(store, decided("worse"))
            until(lambda: not up.decide(account="worse")["allowed"])
        load.nothing_wrong()
        assert load.counts["connection lost"] == 0


def test_a_gateway_upstream_is_killed_and_comes_back(tmp_path, store):
    one, other = tmp_path, tmp_path / "other"
    other.mkdir()
    with running(one, "--config", str(settings(one)), *FREE) as first:
        port = first.url.rsplit(":", 1)[1]
        shutil.copy(one / "stream.token", other / "upstream.token")
        options = ("--from", first.url, "--from-token-file", "upstream.token", *FREE)
        with running(other, *options) as second, Load(second.url, token(other)) as load:
            first.stop(signal.SIGKILL)
            until(lambda: second.state()["source_error"])
            load.more()
            assert second.figure("source_errors_total") > 0
            assert second.figure("source_connected") == 0
            keep(store, decided("worse"))
            assert second.decide(account="worse")["allowed"]
            with running(one, "--config", str(settings(one)), "--port", port):
                until(lambda: not second.decide(account="worse")["allowed"])
                assert second.state()["source_error"] is None
        load.nothing_wrong()
        assert load.counts["connection lost"] == 0


@pytest.mark.usefixtures("store")
def test_without_its_source_a_gateway_starts_from_its_snapshot_and_not_from_a_damaged_one(tmp_path):
    path = settings(tmp_path, '[fail]\nclosed = ["sign-up"]\n')
    with running(tmp_path, "--config", str(path), *FREE) as up:
        until(lambda: up.figure("snapshots_total"))
    (tmp_path / "share.db").rename(tmp_path / "away.db")
    with running(tmp_path, "--config", str(path), *FREE) as up:
        assert up.decide(account="bad")["effect"] == "block"
        assert up.state()["source_error"]
    snapshot = tmp_path / "gateway.snapshot"
    damaged = bytearray(snapshot.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    snapshot.write_bytes(damaged)
    with running(tmp_path, "--config", str(path), *FREE) as up:
        assert up.figure("snapshot_refusals_total") == 1
        assert up.state()["status"] == "not ready"
        passed = up.decide(account="bad")
        assert (passed["allowed"], passed["knowledge_age_s"]) == (True, None)
        assert up.decide(sign_up="s")["status"] == 503
        assert up.figure("fail_open_total", scope="account") == 1
        assert up.figure("fail_closed_total", scope="sign-up") == 1
        (tmp_path / "away.db").rename(tmp_path / "share.db")
        until(lambda: not up.decide(account="bad")["allowed"])
        assert up.state()["status"] == "ready"


@pytest.mark.usefixtures("store")
def test_settings_that_break_while_serving_change_nothing(tmp_path):
    path = settings(tmp_path)
    good = path.read_text()
    with running(tmp_path, "--config", str(path), *FREE, "--workers", "2") as up:
        with Load(up.url, token(tmp_path)) as load:
            path.write_text(good + '[fail]\nclosd = ["account"]\n')
            until(lambda: up.figure("reloads_total", result="failed") == 2)
            assert "did you mean 'closed'?" in up.state()["settings_error"]
            load.more()
            path.write_text(good + '[request]\naccount = "x-who"\n[listen]\nport = 1\n')
            until(lambda: up.figure("reloads_total", result="ok") == 2)
            assert up.state()["settings_error"] is None
            assert up.state()["restart_needed"] == ["listen"]
            with up.client() as client:
                assert client.get("/nginx", headers={"x-who": "bad"}).status_code == 403
                assert client.get("/nginx", headers={"x-account-id": "bad"}).status_code == 204
            path.write_text(good)
            up.process.send_signal(signal.SIGHUP)
            until(lambda: up.figure("reloads_total", result="ok") >= 4)
        load.nothing_wrong()
        assert load.counts["connection lost"] == 0


@pytest.mark.usefixtures("store")
def test_a_killed_worker_is_replaced_and_its_counts_stay(tmp_path):
    options = ("--config", str(settings(tmp_path)), *FREE, "--workers", "2")
    with running(tmp_path, *options) as up:
        with Load(up.url, token(tmp_path)) as load:
            workers = [
                one for one in psutil.Process(up.process.pid).children() if one.num_threads() > 1
            ]
            before = up.figure("requests_total", endpoint="decide", status="200")
            for worker in workers:
                os.kill(worker.pid, signal.SIGKILL)
            up.said("died with signal 9; it is replaced")
            until(lambda: _answers(up))
            until(lambda: up.figure("worker_starts_total") == 2 + len(workers))
            load.more()
            assert up.figure("requests_total", endpoint="decide", status="200") > before
        load.nothing_wrong()
        answered = sum(n for what, n in load.counts.items() if what != "connection lost")
        counted = up.figure("requests_total", endpoint="decide", status="200")
        # what was answered in the moment of the kill may be counted and not received
        assert answered <= counted <= answered + load.counts["connection lost"]


def _answers(up):
    try:
        return up.figure("worker_starts_total")
    except Exception:
        return 0


@pytest.mark.usefixtures("store")
def test_a_gateway_told_to_stop_loses_no_request(tmp_path):
    options = ("--config", str(settings(tmp_path)), *FREE, "--workers", "2")
    with running(tmp_path, *options) as up, Load(up.url, token(tmp_path)) as load:
        load.more()
        up.process.send_signal(signal.SIGTERM)
        until(lambda: load.counts["connection lost"])
        assert up.stop(0) == 0
    load.nothing_wrong()


def test_a_rate_is_one_for_all_workers(tmp_path, store):
    keep(store, decided("slow", "throttle", rate=Rate(per_minute=2)))
    options = ("--config", str(settings(tmp_path)), *FREE, "--workers", "2")
    with running(tmp_path, *options) as up:
        said = [up.decide(account="slow") for _ in range(30)]
        assert sum(one["allowed"] for one in said) == burst(2)
        refused = [one for one in said if not one["allowed"]]
        assert {one["status"] for one in refused} == {429}
        assert all(0 < one["retry_after_s"] <= 60 for one in refused)
        assert up.figure("decisions_total", effect="throttle", scope="account") == 30
        up.process.send_signal(signal.SIGTERM)
        assert up.stop() == 0


@pytest.mark.usefixtures("store")
def test_a_worker_does_not_outlive_its_watcher(tmp_path):
    options = ("--config", str(settings(tmp_path)), *FREE, "--workers", "2")
    with running(tmp_path, *options) as up:
        workers = [
            one for one in psutil.Process(up.process.pid).children() if one.num_threads() > 1
        ]
        assert len(workers) == 2
        up.stop(signal.SIGKILL)
        gone, alive = psutil.wait_procs(workers, timeout=20)
        assert (len(gone), alive) == (2, [])


@pytest.mark.usefixtures("store")
def test_old_knowledge_is_told_and_a_closed_scope_closes(tmp_path):
    text = '[fail]\nclosed = ["key"]\nstale_s = 1\n'
    with running(tmp_path, "--config", str(settings(tmp_path, text)), *FREE) as up:
        with Load(up.url, token(tmp_path)) as load:
            assert up.decide(key="k")["allowed"]
            for name in ("share.db", "share.db-wal", "share.db-shm"):
                (tmp_path / name).unlink(missing_ok=True)
            until(lambda: up.decide(key="k")["status"] == 503)
            assert up.state()["status"] == "stale"
            load.more()
        load.nothing_wrong()
        assert up.figure("fail_closed_total", scope="key") >= 1
        assert up.figure("fail_open_total", scope="account") >= 1
