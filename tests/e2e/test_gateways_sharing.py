"""Two gateways on one machine that know nothing of each other and share the file of throttles."""

import signal
import time

import pytest

from stillwatch.domain.decision import Rate
from stillwatch.gateway.throttle import burst
from tests.gatewayprocs import decided, keep, running, until


def settings(folder, name: str):
    path = folder / name
    path.write_text(
        '[source]\nstore = "sqlite:///share.db"\npoll_s = 0.1\n'
        f'snapshot = "{name}.snapshot"\n[listen]\nport = 0\n'
        '[throttle]\nfile = "shared"\nlease_s = 3600\n'
    )
    return "--config", str(path)


@pytest.fixture
def pair(tmp_path):
    keep(
        f"sqlite:///{tmp_path / 'share.db'}",
        decided("slow", "throttle", rate=Rate(per_minute=600)),
        decided("few", "throttle", rate=Rate(concurrency=4)),
    )
    with (
        running(tmp_path, *settings(tmp_path, "one.toml")) as one,
        running(tmp_path, *settings(tmp_path, "other.toml"), "--workers", "2") as other,
    ):
        yield one, other


def test_rates_and_places_are_one_for_both_and_outlive_one_that_is_killed(pair, tmp_path):
    one, other = pair
    with one.client() as first, other.client() as second:
        began, passed = time.monotonic(), 0
        for _ in range(150):
            for client in (first, second):
                answer = client.post("/v1/decide", json={"account": "slow"}).json()
                passed += answer["allowed"]
        lasted = time.monotonic() - began
        assert burst(600) <= passed <= burst(600) + 10 * lasted + 1
        assert passed < 300
        said = [
            client.post("/v1/decide", json={"account": "few"}).json()
            for client in (first, second, first, second, first, second)
        ]
        leases = [answer["lease"] for answer in said if answer["allowed"]]
        assert len(leases) == 4
        assert [answer["status"] for answer in said[4:]] == [429, 429]
        one.stop(signal.SIGKILL)
        assert second.post("/v1/decide", json={"account": "few"}).json()["status"] == 429
        given = second.post("/v1/release", json={"lease": leases[0]})
        assert given.json() == {"released": True}, "which the killed one had given"
        assert second.post("/v1/decide", json={"account": "few"}).json()["allowed"]
        with running(tmp_path, *settings(tmp_path, "one.toml")) as again:
            assert again.decide(account="few")["status"] == 429
            (tmp_path / "shared").write_bytes(b"damaged")
            assert again.decide(account="few")["allowed"], "the damaged file is made anew"
            said = [second.post("/v1/decide", json={"account": "few"}).json() for _ in range(4)]
            assert [answer["allowed"] for answer in said] == [True, True, True, False]
            until(lambda: again.figure("throttles_replaced_total") == 1)
            assert not other.process.poll()
