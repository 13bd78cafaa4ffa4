"""nginx with the example's files before a model: what passes, what is refused, and what happens without a gateway."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from examples.closed_loop.forum import free_port
from tests.guards import Guarded, Model, guarded, modelling, streaming
from tests.servers import eventually, process

EXAMPLE = Path(__file__).parents[2] / "examples" / "gateway" / "nginx"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed: its example is NOT tested"
)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ACCOUNTS = {"account-1": "sk-alpha-0001", "account-2": "sk-alpha-0002"}


@contextmanager
def fronted(
    folder: Path, gateway: Guarded, model: Model, *, closed: bool = False
) -> Iterator[httpx.Client]:
    """The example with this machine's ports; a client that uses it."""
    port = free_port()
    shutil.copytree(EXAMPLE, folder)
    text = (folder / "nginx.conf").read_text()
    changes = {
        "worker_processes auto": "daemon off; worker_processes 1",
        "127.0.0.1:8787": f"127.0.0.1:{gateway.port}",
        "127.0.0.1:8000": model.url.removeprefix("http://"),
        "listen 127.0.0.1:8080": f"listen 127.0.0.1:{port}",
    }
    if closed:
        changes["error_page 401 500 = @open"] = "error_page 401 500 = @closed"
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    waits = (folder / "gateway.conf").read_text()
    assert waits.count("50ms") == 3
    (folder / "gateway.conf").write_text(waits.replace("50ms", "1s"))  # this machine may be busy
    (folder / "token.conf").write_text(f'proxy_set_header authorization "Bearer {gateway.token}";')
    command = [NGINX, "-p", folder, "-e", folder / "error.log", "-c", "nginx.conf"]
    with (
        process(command, port, folder / "nginx.log"),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with modelling() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("front") / "nginx"


@pytest.fixture(scope="module")
def client(folder: Path, gateway: Guarded, model: Model) -> Iterator[httpx.Client]:
    with fronted(folder, gateway, model) as running:
        yield running


def ask(client: httpx.Client, account: str = "account-1", **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {ACCOUNTS[account]}", **headers}
    return client.post("/v1/chat/completions", json=CHAT, headers=sent)


def test_who_nothing_is_known_of_passes(client, model):
    assert ask(client).json()["choices"][0]["message"]["content"] == "four"
    assert model.seen[-1]["headers"]["x-account-id"] == "account-1"
    assert model.seen[-1]["body"] == CHAT


@pytest.mark.parametrize(
    ("effect", "code"),
    [("block", "access_denied"), ("challenge", "identity_verification_required")],
)
def test_a_refusal_has_a_reference_and_no_reason_and_ends_with_its_decision(
    client, gateway, model, effect, code
):
    made, seen = gateway.put(effect, "account-1"), len(model.seen)
    refused = ask(client)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, code)
    assert (
        refused.json()["error"]["decision"] == refused.headers["x-stillwatch-decision"] == made.id
    )
    assert "THE REASON" not in refused.text
    assert len(model.seen) == seen
    assert ask(client, "account-2").status_code == 200
    gateway.lift(made)
    assert ask(client).status_code == 200


def test_beyond_its_rate_an_account_is_told_when_to_come_again(client, gateway):
    made = gateway.put("throttle", "account-1", rate={"per_minute": 1})
    answers = [ask(client) for _ in range(12)]
    late = answers[-1]
    assert answers[0].status_code == 200
    assert (late.status_code, late.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(late.headers["retry-after"]) <= 60
    gateway.lift(made)


def test_a_place_is_given_back_when_the_request_is_over_or_hung_up(client, gateway, model):
    made = gateway.put("throttle", "account-1", rate={"concurrency": 1})
    for _ in range(4):
        eventually(lambda: ask(client).status_code == 200)
    waiting = {"model": "m", "messages": [{"role": "user", "content": "wait"}], "stream": True}
    key = {"authorization": f"Bearer {ACCOUNTS['account-1']}"}
    model.going.clear()
    for _ in range(2):
        with streaming(client, json=waiting, headers=key) as pieces:
            assert next(pieces)
            assert ask(client).status_code == 429
    eventually(lambda: ask(client).status_code == 200)  # it hung up
    model.going.set()
    gateway.lift(made)


def test_degrade_reaches_the_model_and_a_clients_own_words_do_not(client, gateway, model):
    spoof = {
        "x-stillwatch-effect": "allow",
        "x-stillwatch-degrade": "no",
        "x-account-id": "account-2",
    }
    made = gateway.put("degrade", "account-1", cohort="c7")
    assert ask(client, **spoof).status_code == 200
    told = model.seen[-1]["headers"]
    assert (told["x-stillwatch-effect"], told["x-stillwatch-decision"]) == ("degrade", made.id)
    assert told["x-stillwatch-degrade"] == "no-reasoning, no-logprobs, cohort=c7"
    assert ask(client, "account-2", **spoof).status_code == 200
    assert model.seen[-1]["headers"]["x-stillwatch-effect"] == "allow"
    assert "x-stillwatch-degrade" not in model.seen[-1]["headers"]
    gateway.lift(made)


FORGED = (
    {"x-forwarded-for": "192.0.2.7"},
    {"X-Forwarded-For": "192.0.2.7, 192.0.2.7"},
    {"x_forwarded_for": "192.0.2.7"},
    {"x-real-ip": "192.0.2.7", "forwarded": "for=192.0.2.7"},
    {"X-Account-Id": "account-2"},
    {"x_account_id": "account-2"},
)


def test_forged_headers_neither_free_nor_harm(client, gateway):
    made = [gateway.put("block", "192.0.2.0/24", "range"), gateway.put("block", "account-2")]
    assert [ask(client, **forged).status_code for forged in FORGED] == [200] * len(FORGED)
    made.append(gateway.put("block", "127.0.0.0/8", "range"))
    assert [ask(client, **forged).status_code for forged in FORGED] == [403] * len(FORGED)
    made.append(gateway.put("allow", "account-1"))  # wins over the range
    assert [ask(client, **forged).status_code for forged in FORGED] == [200] * len(FORGED)
    for one in made:
        gateway.lift(one)


def test_smuggled_and_large_headers_break_nothing(client, gateway):
    made = gateway.put("block", "account-1")
    key = f"Bearer {ACCOUNTS['account-1']}"
    twice = [("authorization", key), ("authorization", f"Bearer {ACCOUNTS['account-2']}")]
    assert client.post("/v1/chat/completions", json=CHAT, headers=twice).status_code in (400, 403)
    assert ask(client, **{"x-large": "x" * 6000}).status_code == 403
    assert (
        client.post(
            "/v1/chat/completions", json=CHAT, headers={"authorization": "x" * 100_000}
        ).status_code
        == 400
    )
    gateway.lift(made)


def test_without_the_gateway_requests_pass_and_each_is_a_line(client, gateway, model, tmp_path):
    made = gateway.put("block", "account-1")
    assert ask(client).status_code == 403
    spoof = {"x-stillwatch-effect": "allow"}
    with gateway.stuck():
        assert ask(client, **spoof).status_code == 200
        assert "x-stillwatch-effect" not in model.seen[-1]["headers"]
    with gateway.down():
        assert ask(client, **spoof).status_code == 200
        assert model.seen[-1]["body"] == CHAT
        assert "x-stillwatch-effect" not in model.seen[-1]["headers"]
        with fronted(tmp_path / "closed", gateway, model, closed=True) as strict:
            refused = ask(strict)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert refused.json()["error"]["code"] == "service_unavailable"
    eventually(lambda: ask(client).status_code == 403)
    gateway.lift(made)


def test_each_request_that_was_not_judged_is_a_line(client, gateway, folder):
    log = folder / "open.log"
    before = len(log.read_text().splitlines())
    with gateway.stuck():
        assert ask(client).status_code == 200
    eventually(lambda: len(log.read_text().splitlines()) == before + 1)


def test_a_token_that_the_gateway_refuses_cuts_nobody_off(tmp_path, gateway, model):
    with fronted(tmp_path / "nginx", gateway, model) as client:
        assert ask(client).status_code == 200
        (tmp_path / "nginx" / "token.conf").write_text(
            'proxy_set_header authorization "Bearer wrong";'
        )
        subprocess.run([NGINX, "-p", tmp_path / "nginx", "-e", "error.log", "-c", "nginx.conf", "-s", "reload"],
                       check=True, capture_output=True)  # fmt: skip
        log = tmp_path / "nginx" / "open.log"
        eventually(lambda: ask(client).status_code == 200 and log.read_text() != "")
