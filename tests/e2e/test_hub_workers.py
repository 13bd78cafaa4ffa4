"""What several worker processes of one hub agree on: figures, quotas, suspensions."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from stillwatch.hub import governance, members, quotas
from stillwatch.hub.clock import now
from stillwatch.hub.database import connect
from stillwatch.hub.logkey import signer
from stillwatch.hub.members import State
from tests.hubs import people
from tests.speakers import Forum

WORKERS = 2


@contextmanager
def process(world, workers=WORKERS):
    command = [sys.executable, "-m", "stillwatch", "hub", "serve", "--database", world.url]
    command += ["--key", str(world.key_file), "--port", "0", "--workers", str(workers)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = started.stdout.readline()
        world.base = re.search(r"http://\S+?:\d+", said)[0]
        _wait(world.base)
        yield
    finally:
        started.terminate()
        assert started.wait(60) == 0
        started.stdout.close()


def _wait(base):
    """Until a worker has come up; the port takes connections before."""
    until = time.monotonic() + 300
    while True:
        try:
            httpx.get(base + "/healthz", timeout=60, trust_env=False).raise_for_status()
        except httpx.TimeoutException:
            assert time.monotonic() < until, "no worker came up"
        else:
            return


@pytest.fixture
def forum(made, database_url, key_file):
    assert made.fresh
    return Forum(people(database_url, key_file))


def figure(forum, pattern):
    text = forum.ask(None, "GET", "/metrics").text
    return sum(float(value) for value in re.findall(pattern + r" (\S+)", text))


def test_workers_agree_on_figures_quotas_and_suspensions(forum):
    database = connect(forum.world.url)
    with process(forum.world):
        forum.enrol("alpha")
        for _ in range(3):
            forum.campaign("alpha")

        # figures: whichever worker is asked tells of all
        before = figure(forum, r'requests_total\{method="GET",route="/healthz",status="200"\}')
        for _ in range(40):
            assert forum.ask(None, "GET", "/healthz").status_code == 200
        asked = figure(forum, r'requests_total\{method="GET",route="/healthz",status="200"\}')
        assert asked - before == 40

        # quotas: not one a worker
        with database.write() as connection:
            beta = members.named(connection, "beta").id
            quotas.override(connection, beta, "reads", "30")
        path = f"/api/collections/{forum.world.ids['claims']}/objects/"
        told = [forum.ask("beta", "GET", path).status_code for _ in range(40)]
        read = told.count(200) * 3
        assert 30 - WORKERS * 3 <= read <= 30 + WORKERS * 3
        assert set(told) == {200, 429}
        assert figure(forum, r'quota_refusals_total\{kind="reads"\}') == told.count(429)

        # suspension: at once, in every worker
        assert {forum.ask("gamma", "GET", "/v1/keys").status_code for _ in range(8)} == {200}
        with database.write() as connection:
            log = governance.into(signer(connection, forum.world.key_file))
            gamma = members.named(connection, "gamma")
            governance.change(connection, log, gamma, State.SUSPENDED, now=now())
        assert {forum.ask("gamma", "GET", "/v1/keys").status_code for _ in range(8)} == {401}

    # a restart refills nothing
    with process(forum.world, workers=1):
        assert forum.ask("beta", "GET", path).status_code == 429
    database.close()
