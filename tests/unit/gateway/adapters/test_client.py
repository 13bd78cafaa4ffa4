"""The client over real HTTP: answers, and every way in which there is none in time."""

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest

from examples.closed_loop.forum import free_port
from stillwatch.domain.decision import Scope
from stillwatch.errors import ConfigError
from stillwatch.gateway.adapters.circuit import Circuit
from stillwatch.gateway.adapters.client import Gateway
from stillwatch.gateway.decider import FailRules
from stillwatch.gateway.table import Request
from tests.guarding import Scripted, scripted
from tests.servers import eventually

REFUSED = {"allowed": False, "status": 403, "effect": "block", "decision": "d", "reason": "r"}
LEASED = {"effect": "throttle", "lease": "l1", "decision": "d"}


@pytest.fixture
def service():
    with scripted() as running:
        running.accounts = {"bad": REFUSED, "much": LEASED}
        yield running


def remote(service: Scripted, **options):
    return Gateway.remote(service.url, **{"token": "sekret", "deadline_s": 5.0, **options})


def ask(gateway: Gateway, request: Request | None = None, **fields):
    """Both faces must say the same."""
    sync = gateway.decide(request, **fields)

    async def asked():
        async with gateway:
            return await gateway.adecide(request, **fields)

    answer = asyncio.run(asked())
    assert answer == sync
    return answer


def test_answers_are_the_services(service):
    gateway = remote(service)
    assert ask(gateway, account="bad")[:5] == (False, 403, "block", "d", "r")
    assert ask(gateway, Request(account="good", address="192.0.2.7")).allowed
    assert service.asked[-1] == {"account": "good", "address": "192.0.2.7"}
    assert service.tokens[0] == "authorization: bearer sekret"
    assert gateway.counts == {"answered": 4, "refused": 2}
    gateway.close()


def test_a_connection_is_used_again(service):
    with remote(service) as gateway:
        for _ in range(5):
            gateway.decide(account="a")

    async def several():
        async with remote(service) as gateway:
            for _ in range(5):
                await gateway.adecide(account="a")

    asyncio.run(several())
    assert service.connections == 2


def test_leases_are_given_back_also_when_the_request_fails(service):
    with remote(service) as gateway:
        with gateway.admit(account="much") as answer:
            assert answer.lease == "l1"
            assert service.released == []
        with pytest.raises(KeyError), gateway.admit(account="much"):
            raise KeyError
        assert service.released == ["l1", "l1"]
        with gateway.admit(account="good"):
            pass
    assert service.released == ["l1", "l1"]


def test_a_cancelled_caller_gives_its_lease_back(service):
    async def run():
        async with remote(service) as gateway:
            inside = asyncio.Event()

            async def request():
                async with gateway.aadmit(account="much"):
                    inside.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(request())
            await inside.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert service.released == ["l1"]


FAULTS = {
    "silent": {"mode": "silent"},
    "closing": {"mode": "close"},
    "no json": {"body": b"<html>"},
    "another's json": {"body": b"[1]"},
    "contradiction": {"body": b'{"allowed": true, "status": 403}'},
    "no status of ours": {"body": b'{"allowed": true, "status": 302}'},
    "a status that is none": {"body": b'{"allowed": true, "status": {}}'},
    "too long": {"body": b'"' + b"x" * 10_000_000},
    "dripping": {"mode": "drip"},
    "unauthorised": {"status": "401 Unauthorized"},
    "broken": {"status": "500 Internal Server Error"},
}


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_answer_passes_or_not_as_the_rules_say_and_is_counted(service, fault, closed, caplog):
    for name, value in FAULTS[fault].items():
        setattr(service, name, value)
    rules = FailRules(frozenset({Scope.SIGN_UP}))
    gateway = remote(service, deadline_s=0.1, rules=rules)
    fields = {"sign_up" if closed else "account": "bad"}
    answer = ask(gateway, **fields)
    assert (answer.allowed, answer.status) == ((False, 503) if closed else (True, 200))
    assert gateway.counts["unanswered"] == 2
    assert gateway.counts["refused_closed" if closed else "passed_open"] == 2
    assert len(caplog.records) == 1  # said once
    assert "sekret" not in caplog.text
    gateway.close()


def test_nobody_there_passes_and_the_service_is_believed_when_it_is_back(caplog):
    port = free_port()
    now = [0.0]
    circuit = Circuit(after=3, rest_s=1, clock=lambda: now[0])
    url = f"http://127.0.0.1:{port}"
    with Gateway.remote(url, deadline_s=5, circuit=circuit) as gateway:
        assert all(gateway.decide(account="bad").allowed for _ in range(10))
        assert (gateway.counts["unanswered"], gateway.counts["not_asked"]) == (3, 7)
        with scripted(port) as service:
            service.accounts = {"bad": REFUSED}
            assert gateway.decide(account="bad").allowed  # not yet tried
            now[0] = 1.0
            assert not gateway.decide(account="bad").allowed
            assert not gateway.decide(account="bad").allowed
        assert gateway.counts["passed_open"] == 11
    assert (
        "meanwhile 11 requests passed unchecked and 0 were refused"
        in caplog.records[-1].getMessage()
    )
    assert len(caplog.records) == 2


def test_a_lease_that_cannot_be_given_back_is_counted(service):
    with remote(service, deadline_s=0.1) as gateway, gateway.admit(account="much"):
        service.mode = "close"
    assert gateway.counts["unreleased"] == 1


def test_values_that_no_decision_is_about_are_not_sent(service):
    with remote(service) as gateway:
        gateway.decide(
            account="\udcff", key="k" * 100_000, organisation="", ja4="a\nb", address="192.0.2.1"
        )
        assert gateway.counts["unusable"] == 4
        gateway.decide(account="x" * 512, organisation="東京-ü")
    assert service.asked == [
        {"address": "192.0.2.1"},
        {"account": "x" * 512, "organisation": "東京-ü"},
    ]


def test_what_is_no_text_is_asked_about_as_one(service):
    service.accounts["42"] = REFUSED
    with remote(service) as gateway:
        assert not gateway.decide(account=42).allowed


def test_threads_share_a_client(service):
    wrong: list[object] = []

    def many(number: int) -> None:
        for _ in range(20):
            name = "bad" if number % 2 else "good"
            if gateway.decide(account=name).allowed != (name == "good"):
                wrong.append(name)

    with remote(service) as gateway:
        threads = [threading.Thread(target=many, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert gateway.counts["answered"] == 160
    assert wrong == []


def test_a_child_process_has_connections_of_its_own(service):
    with remote(service) as gateway:
        gateway.decide(account="good")
        child = os.fork()
        if not child:
            os._exit(0 if not gateway.decide(account="bad").allowed else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        eventually(lambda: service.connections == 2)
        assert gateway.decide(account="good").allowed
    assert service.connections == 2


@pytest.mark.parametrize(
    "url",
    ["http://gateway.example.com", "ftp://127.0.0.1", "127.0.0.1:8787", "http://a:pw@127.0.0.1", "", "http://[::1"],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_refused_at_once(url):
    with pytest.raises(ConfigError) as refused:
        Gateway.remote(url, token="sekret")
    assert "sekret" not in str(refused.value)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_token_file_that_cannot_be_used_is_refused_at_once(tmp_path, content):
    if content is not None:
        (tmp_path / "t").write_bytes(content)
    with pytest.raises(ConfigError, match="token file"):
        Gateway.remote(token_file=tmp_path / "t")


def test_the_token_is_the_first_line_of_its_file(service, tmp_path):
    (tmp_path / "t").write_text("one\ntwo\n")
    with remote(service, token=None, token_file=tmp_path / "t") as gateway:
        gateway.decide(account="a")
        assert "one" not in repr(gateway._way)
    assert service.tokens == ["authorization: bearer one"]


def test_only_light_libraries_are_loaded():
    code = """
import sys
import stillwatch.gateway.adapters.client
import stillwatch.gateway.adapters.asgi
import stillwatch.gateway.adapters.litellm
heavy = {"numba", "numpy", "pyarrow", "duckdb", "scipy", "sqlalchemy", "fastapi", "starlette", "yaml", "uvicorn",
         "jsonschema", "cryptography", "stix2"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_deadline_bounds_an_asynchronous_answer_as_a_whole(service):
    service.mode = "drip"  # 20 ms a byte: each is in time, the answer is not

    async def asked():
        async with remote(service, deadline_s=0.2) as gateway:
            started = time.monotonic()
            await gateway.adecide(account="a")
            return time.monotonic() - started, gateway.counts["unanswered"]

    took, unanswered = asyncio.run(asked())
    assert unanswered == 1
    assert took < 1.0
