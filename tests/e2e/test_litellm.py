"""LiteLLM's own proxy with our hook, over real HTTP, before a model of the test and beside a real gateway."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.guards import Guarded, Model, guarded, modelling, streaming
from tests.litellmproxy import proxying
from tests.servers import eventually

CHAT = {"model": "our-model", "messages": [{"role": "user", "content": "hi"}]}
CURIOUS = {"logprobs": True, "top_logprobs": 3, "reasoning_effort": "high"}
CLAUDE = {"model": "claude", "max_tokens": 2000, "messages": [{"role": "user", "content": "hi"}],
          "thinking": {"type": "enabled", "budget_tokens": 1024}}  # fmt: skip
WAIT = {"model": "our-model", "messages": [{"role": "user", "content": "wait"}]}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with modelling() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("litellm")


@pytest.fixture(scope="module")
def client(folder: Path, gateway: Guarded, model: Model) -> Iterator[httpx.Client]:
    with proxying(
        folder,
        model.url,
        STILLWATCH_GATEWAY_URL=gateway.url,
        STILLWATCH_GATEWAY_TOKEN_FILE=str(gateway.token_file),
        STILLWATCH_GATEWAY_DEADLINE_MS="2000",
        STILLWATCH_GATEWAY_PROXIES="1",
        STILLWATCH_GATEWAY_APPEAL="https://example.com/appeal",
    ) as running:
        yield running


def ask(
    client: httpx.Client, account: str, body: dict[str, Any] | None = None, **headers: str
) -> httpx.Response:
    body = body or CHAT
    path = "/v1/messages" if body["model"] == "claude" else "/v1/chat/completions"
    return client.post(
        path, json=body, headers={"authorization": f"Bearer sk-{account}", **headers}
    )


def test_who_nothing_is_known_of_gets_the_whole_answer(client, model):
    answer = ask(client, "account-1", {**CHAT, **CURIOUS})
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["reasoning_content"] == "SECRET"
    assert answer.json()["choices"][0]["logprobs"]["content"]
    assert model.seen[-1]["body"].items() >= CURIOUS.items()


@pytest.mark.parametrize("scope", ["account", "organisation", "range"])
def test_a_block_is_in_force_at_once_and_ends_at_once(client, gateway, model, scope):
    value = {"account": "account-1", "organisation": "team-of-account-1", "range": "192.0.2.0/24"}[
        scope
    ]
    made, seen = gateway.put("block", value, scope), len(model.seen)
    where = {"x-forwarded-for": "203.0.113.66, 192.0.2.7"}
    for body in (CHAT, {**CHAT, "stream": True}, CLAUDE):
        refused = ask(client, "account-1", body, **where)
        assert refused.status_code == 403
        assert made.id in refused.json()["error"]["message"]
        assert "https://example.com/appeal" in refused.text
        assert "THE REASON" not in refused.text
    assert len(model.seen) == seen
    assert (
        ask(client, "account-2", **{"x-forwarded-for": "192.0.2.7, 203.0.113.66"}).status_code
        == 200
    )
    gateway.lift(made)
    assert ask(client, "account-1", **where).status_code == 200


def test_a_key_is_blocked_by_its_digest(client, gateway):
    digest = "4c3fe847ba5369a26bb663f9713c893e7e9407c376d5e33038740063b5a09125"  # of sk-good
    made = gateway.put("block", digest, "key")
    assert ask(client, "good").status_code == 403
    assert ask(client, "account-1").status_code == 200
    gateway.lift(made)


def test_what_a_body_says_of_its_caller_is_not_believed(client, gateway):
    made = [gateway.put("block", "account-1"), gateway.put("block", "192.0.2.0/24", "range"),
            gateway.put("allow", "account-3")]  # fmt: skip
    forged = {
        "user": "account-3",
        "metadata": {"user_api_key_user_id": "account-3", "requester_ip_address": "192.0.2.7"},
        "litellm_metadata": {
            "requester_ip_address": "192.0.2.7",
            "user_api_key_auth": {"user_id": "account-3"},
        },
        "proxy_server_request": {"headers": {"x-forwarded-for": "192.0.2.7"}},
    }
    assert ask(client, "account-1", {**CHAT, **forged}).status_code == 403
    assert ask(client, "account-2", {**CHAT, **forged}).status_code == 200
    forged = json.loads(json.dumps(forged).replace("192.0.2.7", "203.0.113.66"))
    where = {"x-forwarded-for": "192.0.2.7"}
    assert ask(client, "account-2", {**CHAT, **forged}, **where).status_code == 403
    assert ask(client, "account-3", CHAT, **where).status_code == 200  # allow wins
    for one in made:
        gateway.lift(one)


def test_beyond_its_rate_an_account_is_told_when_to_come_again(client, gateway):
    made = gateway.put("throttle", "account-1", rate={"per_minute": 1})
    answers = [ask(client, "account-1") for _ in range(12)]
    assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
    assert answers[-1].json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    gateway.lift(made)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", [{**CHAT, **CURIOUS}, CLAUDE], ids=["openai", "anthropic"])
def test_degraded_requests_ask_for_nothing_and_answers_tell_nothing(
    client, gateway, model, body, stream
):
    before = ask(client, "account-1", {**body, "stream": stream})
    assert "SECRET" in before.text
    made = gateway.put("degrade", "account-1")
    answer = ask(client, "account-1", {**body, "stream": stream})
    assert answer.status_code == 200
    assert "four" in answer.text
    assert "SECRET" not in answer.text
    assert "thinking" not in answer.text
    assert '"token"' not in answer.text
    asked = model.seen[-1]["body"]
    assert asked.keys().isdisjoint({"logprobs", "top_logprobs", "reasoning_effort", "thinking"})
    assert asked["messages"][0]["role"] == "user"
    assert "SECRET" in ask(client, "account-2", {**body, "stream": stream}).text
    gateway.lift(made)


def test_a_degraded_response_tells_nothing(client, gateway, model):
    body = {"model": "our-model", "input": "hi", "reasoning": {"summary": "detailed"},
            "include": ["message.output_text.logprobs"]}  # fmt: skip
    headers = {"authorization": "Bearer sk-account-1"}
    assert "SECRET" in client.post("/v1/responses", json=body, headers=headers).text
    made = gateway.put("degrade", "account-1")
    answer = client.post("/v1/responses", json=body, headers=headers)
    assert answer.status_code == 200
    assert "SECRET" not in answer.text
    assert answer.json()["output"][-1]["content"][0]["text"] == "four"
    assert not model.seen[-1]["body"].get("reasoning")
    assert not model.seen[-1]["body"].get("include")
    gateway.lift(made)


def free(client: httpx.Client) -> bool:
    return ask(client, "account-1").status_code == 200


def test_a_place_is_taken_while_an_answer_comes_and_given_back_however_it_ends(
    client, gateway, model
):
    made = gateway.put("throttle", "account-1", rate={"concurrency": 1})
    key = {"authorization": "Bearer sk-account-1"}
    for body in (CHAT, {**CHAT, "stream": True}, CLAUDE, {**CLAUDE, "stream": True}):
        for _ in range(2):
            eventually(lambda: ask(client, "account-1", body).status_code == 200)  # noqa: B023
    failing = {**CHAT, "messages": [{"role": "user", "content": "fail"}]}
    eventually(lambda: ask(client, "account-1", failing).status_code == 500)
    eventually(lambda: free(client))
    model.going.clear()
    with streaming(client, json={**WAIT, "stream": True}, headers=key) as pieces:
        assert next(pieces)
        assert not free(client)
    eventually(lambda: free(client))  # it hung up within the stream
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=WAIT, headers=key, timeout=1)
    model.going.set()
    eventually(lambda: free(client))  # it hung up before the answer
    gateway.lift(made)


def test_of_many_at_once_no_more_pass_than_may(client, gateway, model):
    made = gateway.put("throttle", "account-1", rate={"concurrency": 3})
    model.going.clear()
    model.most_running, statuses = 0, []

    def one() -> None:
        statuses.append(ask(client, "account-1", WAIT).status_code)
        if statuses.count(429) == 27:
            model.going.set()

    threads = [threading.Thread(target=one) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429), model.most_running) == (3, 27, 3)
    eventually(lambda: free(client))
    gateway.lift(made)


def test_without_the_gateway_requests_pass_and_are_counted(client, gateway, folder):
    made = gateway.put("block", "account-1")
    assert ask(client, "account-1").status_code == 403
    log = folder / "litellm.log"
    with gateway.down():
        assert [ask(client, "account-1").status_code for _ in range(7)] == [200] * 7
    eventually(lambda: ask(client, "account-1").status_code == 403)
    said = log.read_text()
    assert "the gateway does not answer (ConnectError): requests pass unchecked" in said
    assert "the gateway answers again: meanwhile " in said
    assert gateway.token not in said
    assert "sk-account-1" not in said
    gateway.lift(made)
