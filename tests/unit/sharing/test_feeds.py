"""Feeds of others: paged, resumed, bounded; whatever a server answers, nothing breaks."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.errors import EmptyInput, InputError, PeerError, StillwatchError
from stillwatch.intel.objects import format_time
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.feeds import import_collection, import_file
from stillwatch.sharing.fetch import Bounds, Fetcher
from stillwatch.store import inbox
from stillwatch.store.database import Store
from tests.claims import examples
from tests.scripted import Asked, Reply, Server, serving

COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
CAMPAIGN = to_stix(examples()["campaign"])


def thing(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012x}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "pattern": "[url:value = 'https://example.org/']",
        **more,
    }


class Feed:
    """An honest TAXII server with one collection, whose pages may break."""

    def __init__(
        self, objects: list[dict[str, Any]], page: int = 2, *, tokens: bool = True
    ) -> None:
        self.added = [(format_time(1_000_000 * (i // 2 + 1), 6), o) for i, o in enumerate(objects)]
        self.page, self.tokens, self.fails_after = page, tokens, -1

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/taxii2/":
            return _json({"title": "t", "default": "/none/", "api_roots": ["/none/", "/api/"]})
        if asked.path == "/api/":
            return _json({"title": "root", "versions": ["application/taxii+json;version=2.1"]})
        if asked.path == f"/api/collections/{COLLECTION}/":
            return _json({"id": COLLECTION, "title": "c", "can_read": True, "can_write": False})
        if asked.path != f"/api/collections/{COLLECTION}/objects/":
            return Reply(b'{"title": "nothing here"}', 404)
        if self.fails_after == 0:
            return Reply(b'{"title": "tired"}', 503)
        self.fails_after -= 1
        return self._objects(asked)

    def _objects(self, asked: Asked) -> Reply:
        after = asked.query.get("added_after", "")
        rows = [row for row in self.added if row[0] > after]
        start = int(asked.query.get("next", "0"))
        page = rows[start : start + self.page]
        envelope: dict[str, Any] = {"more": start + self.page < len(rows)}
        if page:
            envelope["objects"] = [obj for _, obj in page]
        if envelope["more"] and self.tokens:
            envelope["next"] = str(start + self.page)
        headers = {"X-TAXII-Date-Added-Last": page[-1][0]} if page else {}
        return Reply(json.dumps(envelope).encode(), headers=headers)


def _json(value: Any) -> Reply:
    return Reply(json.dumps(value).encode())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


def _import(
    server: Server, store: Store, path: str = "/api/", bounds: Bounds | None = None
) -> tuple[int, int, dict[str, int]]:
    fetcher = Fetcher(server.url, bounds=bounds or Bounds(silence_seconds=5))
    try:
        done = import_collection(fetcher, server.url + path, COLLECTION, store)
    finally:
        fetcher.close()
    return done.seen, done.new, dict(done.unsound)


def _kept(store: Store) -> list[inbox.Received]:
    with store.begin() as connection:
        return inbox.newest(connection)


@pytest.mark.parametrize("path", ["/api/", "/api", "/taxii2/"])
@pytest.mark.parametrize("tokens", [True, False])
def test_all_pages_come_once_and_weigh_nothing(path: str, tokens: bool, store: Store) -> None:
    with serving(Feed([thing(i) for i in range(7)], tokens=tokens)) as server:
        assert _import(server, store, path)[1:] == (7, {})
    kept = _kept(store)
    assert {one.stix_id for one in kept} == {thing(i)["id"] for i in range(7)}
    assert all(not one.signed and one.index == -1 for one in kept)


def test_the_next_import_asks_only_for_what_is_new(store: Store) -> None:
    feed = Feed([thing(i) for i in range(6)], page=10)
    with serving(feed) as server:
        assert _import(server, store)[:2] == (6, 6)
        assert _import(server, store)[:2] == (2, 0)  # the last instant once more
        feed.added.append((format_time(99_000_000, 6), thing(6)))
        assert _import(server, store)[:2] == (3, 1)


def test_objects_of_the_instant_at_which_it_was_cut_off_are_not_lost(store: Store) -> None:
    feed = Feed([thing(i) for i in range(9)], page=3)  # pages end between two of one instant
    with serving(feed) as server:
        feed.fails_after = 1
        with pytest.raises(PeerError, match="503"):
            _import(server, store)
        assert len(_kept(store)) == 3
        feed.fails_after = -1
        _import(server, store)
    assert len(_kept(store)) == 9


def test_a_claim_that_comes_this_way_is_unsigned_whatever_it_says(store: Store) -> None:
    with serving(Feed([CAMPAIGN])) as server:
        assert _import(server, store) == (1, 1, {})
    (kept,) = _kept(store)
    assert (kept.signed, kept.kind, kept.body) == (False, "campaign", CAMPAIGN)


def test_unsound_objects_are_counted_by_what_is_wrong(store: Store) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    bad = [3, {"type": "x"}, thing(1, modified="now"), thing(2, x=deep), thing(3, x="y" * 4000)]
    with serving(Feed([*bad, thing(4)])) as server:  # type: ignore[list-item]
        seen, new, unsound = _import(server, store, bounds=Bounds(object_bytes=2000))
    assert (seen, new, sum(unsound.values())) == (6, 1, 5)
    assert unsound["it is nested too deeply"] == 1


@pytest.mark.parametrize(
    ("envelope", "match"),
    [
        ({"more": True}, "no way to it"),
        ({"more": True, "next": "again"}, "in a circle"),
        ({"more": True, "next": 3}, "no way to it"),
        ({"objects": {"a": 1}}, "no TAXII envelope"),
        ([1, 2], "no TAXII envelope"),
        ("text", "no TAXII envelope"),
    ],
)
def test_a_server_that_leads_nowhere_is_left(envelope: Any, match: str, store: Store) -> None:
    def reply(asked: Asked) -> Reply:
        return _json(envelope if asked.path.endswith("/objects/") else {"title": "t"})

    with serving(reply) as server, pytest.raises(PeerError, match=match):
        _import(server, store)


def test_endless_pages_end(store: Store) -> None:
    def reply(asked: Asked) -> Reply:
        return _json({"more": True, "next": str(int(asked.query.get("next", "0")) + 1)})

    with serving(reply) as server, pytest.raises(PeerError, match="more than 5 pages"):
        _import(server, store, bounds=Bounds(pages=5))


def test_a_root_on_another_server_is_not_followed(store: Store) -> None:
    with serving(lambda _: Reply(b"{}")) as other:
        roots = _json({"api_roots": [f"{other.url}/api/"]})
        with serving(lambda _: roots) as server, pytest.raises(PeerError, match="no collection"):
            _import(server, store)
        assert other.asked == []


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(thing(1)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["more", "next", "objects", "api_roots", "default", "id", "type", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


_BODY = _JUNK.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    bodies=st.lists(_BODY, min_size=1, max_size=6),
    status=st.sampled_from([200, 200, 200, 204, 301, 401, 404, 429, 500]),
    last=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)
def test_whatever_a_server_answers_nothing_breaks(
    bodies: list[bytes],
    status: int,
    last: str,
    hostile: tuple[Server, Callable[..., None]],
    store: Store,
) -> None:
    server, tell = hostile
    tell(bodies, status, last)
    said = ""
    try:
        _import(server, store, bounds=Bounds(pages=4, silence_seconds=5))
    except StillwatchError as error:
        said = str(error)
    assert said.isprintable()
    assert all(one.stix_id == thing(1)["id"] for one in _kept(store))


@pytest.fixture(scope="module")
def hostile() -> Iterator[tuple[Server, Callable[..., None]]]:
    state: dict[str, Any] = {}

    def reply(asked: Asked) -> Reply:
        number = state["asked"]
        state["asked"] += 1
        body = state["bodies"][number % len(state["bodies"])]
        status = state["status"] if asked.path.endswith("/objects/") else 200
        return Reply(
            body if status != 204 else b"", status, {"X-TAXII-Date-Added-Last": state["last"]}
        )

    def tell(bodies: list[bytes], status: int, last: str) -> None:
        state.update(asked=0, bodies=bodies, status=status, last=last)

    with serving(reply) as server:
        yield server, tell


def _bundle(path: Path, *objects: Any) -> Path:
    path.write_text(json.dumps({"type": "bundle", "id": "bundle--1", "objects": list(objects)}))
    return path


def test_a_bundle_file_is_kept_once(tmp_path: Path, store: Store) -> None:
    path = _bundle(tmp_path / "b.json", thing(1), thing(2), {"type": "x"})
    first, second = import_file(path, store), import_file(path, store)
    assert (first.seen, first.new, sum(first.unsound.values())) == (3, 2, 1)
    assert (second.seen, second.new) == (3, 0)


def test_versions_of_one_object_are_all_kept_and_the_newest_counts(
    tmp_path: Path, store: Store
) -> None:
    newer = thing(1, modified="2026-01-01T00:00:00.0001Z")
    import_file(_bundle(tmp_path / "b.json", newer, thing(1)), store)
    (kept,) = _kept(store)
    assert kept.body == newer


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", InputError),
        (b"{", InputError),
        (b"[]", InputError),
        (b'{"type": "report"}', InputError),
        (b'{"type": "bundle"}', EmptyInput),
        (b'{"type": "bundle", "objects": []}', EmptyInput),
        (b'{"type": "bundle", "objects": {}}', EmptyInput),
        (b" " * 2001, InputError),
    ],
)
def test_what_is_no_bundle_is_refused(
    text: bytes, error: type[Exception], tmp_path: Path, store: Store
) -> None:
    (tmp_path / "b.json").write_bytes(text)
    with pytest.raises(error, match=r"b\.json"):
        import_file(tmp_path / "b.json", store, Bounds(file_bytes=2000))


def test_a_missing_file_is_said(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        import_file(tmp_path / "none.json", store)
