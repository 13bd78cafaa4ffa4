"""The policy's corpus, signed by a member and posted to a collection of claims over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.hub import groups, members
from stillwatch.hub.clock import instant
from stillwatch.hub.database import connect
from stillwatch.hub.setup import initialise
from stillwatch.intel.objects import parse_time
from tests import policycorpus
from tests.databases import postgresql, sqlite
from tests.hubs import World, people, serving

NOW = parse_time("2026-11-26T12:00:00Z")
"""The corpus is of this day."""
KEY = SigningKey.from_seed(bytes(range(32)))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("policy")
    kind = sqlite(folder) if request.param == "sqlite" else postgresql()
    with kind as url:
        initialise(url, folder / "log.key", "hub.test/log")
        world = people(url, folder / "log.key")
        database = connect(url)
        with database.write() as connection:
            groups.add(connection, "inner")
            groups.join(connection, "inner", members.named(connection, "alpha"))
        database.close()
        with serving(world, clock=lambda: NOW):
            yield world


@pytest.fixture(scope="module")
def publisher(hub: World) -> str:
    """Identity of alpha, whose key is enrolled."""
    database = connect(hub.url)
    with database.write() as connection:
        identity = str(members.named(connection, "alpha").identity)
    database.close()
    with hub.client() as alpha:
        statement = statements.add(identity, KEY, instant(NOW))
        answer = alpha.post(
            "/v1/keys",
            json=statement,
            headers={"Accept": "application/json", "Content-Type": "application/json"},
        )
        assert answer.status_code == 201, answer.text
    return identity


def post(hub: World, envelope: bytes) -> tuple[int, dict[str, Any]]:
    """Status code and body of the answer to a POST into the collection of claims."""
    with hub.client() as alpha:
        answer: httpx.Response = alpha.post(
            f"/api/collections/{hub.ids['claims']}/objects/", content=envelope
        )
    return answer.status_code, answer.json()


def stored(hub: World) -> int:
    """Objects that alpha sees in the collection."""
    found, after = 0, ""
    with hub.client() as alpha:
        while True:
            page = alpha.get(f"/api/collections/{hub.ids['claims']}/objects/{after}").json()
            found += len(page.get("objects", []))
            if not page.get("more"):
                return found
            after = f"?next={page['next']}"


def test_the_hub_takes_the_lawful_and_nothing_else(hub: World, publisher: str):
    passed, unnamed = [], {}
    for payload in policycorpus.load("forbidden"):
        code, answer = post(hub, payload.envelope(publisher, KEY))
        assert code < 500, payload.name
        if code == 202 and answer["success_count"]:
            passed.append(payload.name)
        elif code == 202 and payload.field not in ("(text)", "(unnamed)"):
            told = answer["failures"][0]["message"]
            if payload.field.split(".")[-1].strip("[]0123456789") not in told:
                unnamed[payload.name] = told
    assert passed == []
    assert unnamed == {}
    assert stored(hub) == 0

    lawful = [one for one in policycorpus.load("lawful") if not one.name.startswith("tags-")]
    refused = {}  # a claim of tags needs its pack at the hub besides
    for payload in lawful:
        _, answer = post(hub, payload.envelope(publisher, KEY))
        if not answer.get("success_count"):
            refused[payload.name] = answer
    assert refused == {}
    assert stored(hub) == len(lawful)
