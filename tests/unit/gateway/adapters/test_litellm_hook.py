"""The hook's own logic, without LiteLLM: callers, leases, and answers of classes it does not know."""

import asyncio
import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException

from stillwatch.errors import ConfigError
from stillwatch.gateway.adapters import litellm
from stillwatch.gateway.adapters.client import Gateway
from stillwatch.gateway.adapters.litellm import StillwatchGuard, from_environment
from stillwatch.gateway.table import Request
from tests.guarding import Known, record

DIGEST = hashlib.sha256(b"sk-1").hexdigest()


class Key(SimpleNamespace):
    """What LiteLLM knows of a caller."""


def key(**fields: Any) -> Key:
    return Key(
        **{
            "user_id": None,
            "team_id": None,
            "org_id": None,
            "key_alias": None,
            "token": None,
            **fields,
        }
    )


def sent(who: Key, peer: str = "198.51.100.1", **headers: str) -> dict[str, Any]:
    """A request's data as LiteLLM hands it to hooks."""
    metadata = {"user_api_key_auth": who, "requester_ip_address": peer}
    return {"model": "m", "metadata": metadata, "proxy_server_request": {"headers": headers}}


def guard(*records: dict[str, Any], **options: Any) -> tuple[StillwatchGuard, Known]:
    known = Known(*records)
    return StillwatchGuard(Gateway(known), **options), known


@pytest.mark.parametrize(
    ("fields", "caller"),
    [
        ({"user_id": "u", "team_id": "t", "org_id": "o", "token": DIGEST}, ("u", "o", DIGEST)),
        ({"team_id": "t", "key_alias": "k"}, ("t", "t", None)),
        ({"key_alias": "k", "api_key": "sk-1"}, ("k", None, DIGEST)),
        ({"user_id": ""}, (None, None, None)),
    ],
)
def test_a_caller_is_what_the_proxy_has_verified(fields, caller):
    who = key(**fields)
    found = guard()[0]._caller(who, sent(who))
    assert (found.account, found.organisation, found.key) == caller


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "192.0.2.7", "198.51.100.1"),
        (1, "203.0.113.9, 192.0.2.7", "192.0.2.7"),
        (1, None, "198.51.100.1"),
    ],
)
def test_the_address_is_the_connections_or_our_proxys_word(proxies, forwarded, address):
    who = key(user_id="u")
    headers = {"x-forwarded-for": forwarded, "X-JA4": "t13d"} if forwarded else {"x-ja4": "t13d"}
    found = guard(proxies=proxies, ja4="x-ja4")[0]._caller(who, sent(who, **headers))
    assert found == Request(account="u", address=address, ja4="t13d")


def test_a_body_that_is_passed_through_says_nothing_of_its_caller():
    forged = {"metadata": {"requester_ip_address": "192.0.2.7", "user_api_key_auth": {"user_id": "x"}},
              "litellm_metadata": "text", "proxy_server_request": {"headers": {"x-forwarded-for": "192.0.2.7"}}}  # fmt: skip
    assert guard(proxies=1)[0]._caller(key(user_id="u"), forged) == Request(account="u")


async def call(
    hook: StillwatchGuard, who: Key, data: dict[str, Any] | None = None
) -> dict[str, Any]:
    return await hook.async_pre_call_hook(who, None, data or sent(who), "completion")


LEASED = record("throttle", "much", rate={"concurrency": 1})


@pytest.mark.parametrize(
    "end", ["success", "failure", "stream", "broken stream", "cancelled", "nothing"]
)
def test_a_lease_ends_with_its_request_however_that_ends(end):
    hook, known = guard(LEASED)
    who = key(user_id="much")

    async def pieces():
        yield {"choices": []}
        if end == "broken stream":
            raise ConnectionError

    async def request() -> None:
        data = await call(hook, who)
        assert len(known.out) == 1
        with pytest.raises(HTTPException) as refused:
            await asyncio.create_task(call(hook, who))
        assert (refused.value.status_code, refused.value.headers["retry-after"]) == (429, "1")
        if end == "success":
            answer = object()
            assert await hook.async_post_call_success_hook(data, who, answer) is answer
            assert not known.out
        elif end == "failure":
            await hook.async_post_call_failure_hook(data, RuntimeError(), who)
            assert not known.out
        elif end.endswith("stream"):
            async for _ in hook.async_post_call_streaming_iterator_hook(who, pieces(), data):
                assert len(known.out) == 1
            assert not known.out
        elif end == "cancelled":
            await asyncio.Event().wait()

    async def run() -> None:
        task = asyncio.create_task(request())
        if end == "cancelled":
            while not known.out or not task._fut_waiter:
                await asyncio.sleep(0)
            for _ in range(10):
                await asyncio.sleep(0)
            task.cancel()
        done, _ = await asyncio.wait([task])
        assert done.pop().cancelled() == (end == "cancelled") or end == "broken stream"
        while hook._tasks or known.out:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 10))
    assert not known.out


def test_requests_side_by_side_do_not_take_one_another_for_the_other():
    hook, _ = guard(record("degrade", "odd"))
    answer = {"choices": [{"message": {"content": "4", "reasoning": "SECRET"}}]}

    async def request(name: str) -> Any:
        who = key(user_id=name)
        data = await call(hook, who, {**sent(who), "logprobs": True})
        await asyncio.sleep(0)
        assert ("logprobs" in data) == (name == "even")
        return await hook.async_post_call_success_hook(data, who, answer)

    async def run() -> list[Any]:
        return await asyncio.gather(*(request("odd" if n % 2 else "even") for n in range(20)))

    told = asyncio.run(run())
    assert ["SECRET" in str(one) for one in told] == [n % 2 == 0 for n in range(20)]


class Strange:
    """An answer of a class that cannot be made from what it says."""

    def model_dump(self) -> dict[str, Any]:
        return {"choices": [{"message": {"reasoning": "x"}}]}


def test_an_answer_that_cannot_be_made_anew_is_given_whole_and_counted():
    hook, _ = guard(record("degrade", "odd"))
    who, answer = key(user_id="odd"), Strange()

    async def run() -> None:
        data = await call(hook, who)
        assert await hook.async_post_call_success_hook(data, who, answer) is answer
        assert await hook.async_post_call_success_hook(data, who, "text") == "text"

    asyncio.run(run())
    assert hook.gateway.counts["undegraded"] == 1


def test_pieces_of_text_are_degraded_too():
    hook, _ = guard(record("degrade", "odd"))
    who = key(user_id="odd")

    async def pieces():
        yield b'data: {"choices": [{"delta": {"content": "a", "rea'
        yield b'soning": "SECRET"}}]}\n\ndata: [DONE]\n'

    async def run() -> bytes:
        data = await call(hook, who)
        shown = hook.async_post_call_streaming_iterator_hook(who, pieces(), data)
        return b"".join([piece async for piece in shown])

    assert (
        asyncio.run(run()) == b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n\n'
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "http://gateway.example.com"),
        ("TOKEN_FILE", "nowhere.token"),
        ("DEADLINE_MS", "soon"),
        ("PROXIES", "one"),
        ("CLOSED", "acount"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(monkeypatch, tmp_path, name, value):
    (tmp_path / "t").write_text("sekret")
    monkeypatch.setenv("STILLWATCH_GATEWAY_TOKEN_FILE", str(tmp_path / "t"))
    monkeypatch.setenv(f"STILLWATCH_GATEWAY_{name}", value)
    with pytest.raises(ConfigError) as refused:
        from_environment()
    assert value in str(refused.value)
    assert "sekret" not in str(refused.value)


def test_the_guard_is_made_when_it_is_named():
    with pytest.raises(AttributeError):
        litellm.nothing  # noqa: B018
    made = litellm.guard
    assert isinstance(made, StillwatchGuard)
    assert litellm.guard is made
    del litellm.guard
