"""One running hub for each kind of database; each test has a collection of its own in it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stillwatch.hub.limits import Limits
from stillwatch.hub.setup import initialise
from tests.databases import postgresql, sqlite
from tests.hubs import World, people, serving

LIMITS = Limits(content_length=300_000, objects=500, page=50, object_length=100_000)
"""Small enough to be reached."""


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("hub")
    kind = sqlite(folder) if request.param == "sqlite" else postgresql()
    with kind as url:
        initialise(url, folder / "log.key", "hub.test/log")
        with serving(people(url, folder / "log.key"), LIMITS) as world:
            yield world


@pytest.fixture(scope="session")
def clients(hub: World) -> Iterator[dict[str, httpx.Client]]:
    found = {name: hub.client(name) for name in ("alpha", "beta", "gamma", "delta")}
    found["nobody"] = hub.client(None)
    yield found
    for client in found.values():
        client.close()


@pytest.fixture
def alpha(clients: dict[str, httpx.Client]) -> httpx.Client:
    """Reads and writes the box."""
    return clients["alpha"]


@pytest.fixture
def beta(clients: dict[str, httpx.Client]) -> httpx.Client:
    """Reads the box."""
    return clients["beta"]


@pytest.fixture
def gamma(clients: dict[str, httpx.Client]) -> httpx.Client:
    """Writes the box."""
    return clients["gamma"]


@pytest.fixture
def delta(clients: dict[str, httpx.Client]) -> httpx.Client:
    """Is a member, and has nothing to do with the box."""
    return clients["delta"]


@pytest.fixture
def nobody(clients: dict[str, httpx.Client]) -> httpx.Client:
    return clients["nobody"]


@pytest.fixture
def box(hub: World) -> str:
    """Path of an empty open collection."""
    return hub.box()
