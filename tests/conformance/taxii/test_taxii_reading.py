"""Sections 3.2 to 3.5, 5.1 to 5.4, 5.6 and 5.8: collections, pages, filters."""

import re
import uuid
from typing import Any

import httpx
import pytest

from tests.conformance.taxii.test_taxii_http import problem
from tests.hubs import World, indicator

ADDED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
MANIFEST = re.compile(r"application/stix\+json;version=2\.[01]")


def put(client: httpx.Client, box: str, *objects: dict[str, Any]) -> dict[str, Any]:
    sent = client.post(box + "objects/", json={"objects": list(objects)})
    assert sent.status_code == 202, sent.text
    status: dict[str, Any] = sent.json()
    return status


def three(modified: str = "2026-01-0{}T00:00:00.000Z", **values: Any) -> list[dict[str, Any]]:
    """Three versions of one object, the newest last."""
    first = indicator(0, **values)
    return [{**first, "modified": modified.format(day)} for day in (1, 2, 3)]


def seen(client: httpx.Client, box: str, **query: Any) -> list[tuple[str, str]]:
    found = client.get(box + "objects/", params=query)
    assert found.status_code == 200, found.text
    return [(o["id"], o.get("modified", "")) for o in found.json().get("objects", [])]


def test_collections_are_sorted_and_say_what_the_caller_may(
    hub: World, alpha: httpx.Client, beta: httpx.Client, gamma: httpx.Client, box: str
) -> None:
    for client, rights in ((alpha, (True, True)), (beta, (True, False)), (gamma, (False, True))):
        listed = client.get("/api/collections/").json()["collections"]
        ids = [one["id"] for one in listed]
        assert ids == sorted(ids)
        mine = next(one for one in listed if box == f"/api/collections/{one['id']}/")
        assert (mine["can_read"], mine["can_write"]) == rights
        assert mine["title"]
        assert "application/stix+json;version=2.1" in mine["media_types"]
        assert client.get(box).json() == mine
        assert client.get(f"/api/collections/{mine['alias']}/").json() == mine


def test_no_collections_is_an_empty_object(delta: httpx.Client) -> None:
    assert delta.get("/api/collections/").json() == {}


def test_a_collection_of_others_is_not_there(delta: httpx.Client, box: str) -> None:
    for path in (box, box + "objects/", box + "manifest/"):
        problem(delta.get(path), 404)
    problem(delta.post(box + "objects/", json={"objects": [indicator()]}), 404)
    problem(delta.delete(box + f"objects/indicator--{uuid.uuid4()}/"), 404)


def test_reading_is_forbidden_without_can_read(gamma: httpx.Client, box: str) -> None:
    mine = indicator()
    put(gamma, box, mine)
    for part in ("objects/", "manifest/", f"objects/{mine['id']}/", f"objects/{mine['id']}/versions/"):
        problem(gamma.get(box + part), 403)


def test_the_alias_works_wherever_the_id_does(hub: World, alpha: httpx.Client, box: str) -> None:
    alias = next(name for name, id_ in hub.ids.items() if id_ in box)
    other = f"/api/collections/{alias}/"
    mine = indicator()
    put(alpha, other, mine)
    for part in ("objects/", "manifest/", f"objects/{mine['id']}/", f"objects/{mine['id']}/versions/"):
        assert alpha.get(other + part).json() == alpha.get(box + part).json()
    assert alpha.delete(other + f"objects/{mine['id']}/").status_code == 200


def test_nothing_is_an_empty_envelope(alpha: httpx.Client, box: str) -> None:
    for part in ("objects/", "manifest/"):
        found = alpha.get(box + part)
        assert (found.status_code, found.json()) == (200, {})


def test_objects_come_in_the_order_they_were_added(alpha: httpx.Client, box: str) -> None:
    sent = [indicator(9 - number) for number in range(9)]
    for obj in sent:
        put(alpha, box, obj)
    assert [id_ for id_, _ in seen(alpha, box)] == [obj["id"] for obj in sent]
    listed = alpha.get(box + "manifest/").json()["objects"]
    assert [one["id"] for one in listed] == [obj["id"] for obj in sent]
    added = [one["date_added"] for one in listed]
    assert added == sorted(set(added))


def test_date_added_headers(alpha: httpx.Client, box: str) -> None:
    mine = indicator()
    put(alpha, box, mine, indicator())
    listed = alpha.get(box + "manifest/")
    dates = [one["date_added"] for one in listed.json()["objects"]]
    for part, first, last in (
        ("objects/", dates[0], dates[1]),
        ("manifest/", dates[0], dates[1]),
        (f"objects/{mine['id']}/", dates[0], dates[0]),
        (f"objects/{mine['id']}/versions/", dates[0], dates[0]),
    ):
        headers = alpha.get(box + part).headers
        assert ADDED.fullmatch(headers["x-taxii-date-added-first"])
        assert headers["x-taxii-date-added-first"] == first
        assert headers["x-taxii-date-added-last"] == last


def test_a_manifest_record_describes_its_object(alpha: httpx.Client, box: str) -> None:
    mine, old = indicator(7), indicator(8)
    del old["spec_version"]
    put(alpha, box, mine, old)
    records = alpha.get(box + "manifest/").json()["objects"]
    assert [set(record) for record in records] == [{"id", "date_added", "version", "media_type"}] * 2
    assert [record["version"] for record in records] == [mine["modified"], old["modified"]]
    assert all(ADDED.fullmatch(record["date_added"]) for record in records)
    allowed = alpha.get(box).json()["media_types"]
    assert [record["media_type"][-3:] for record in records] == ["2.1", "2.0"]
    assert all(record["media_type"] in allowed for record in records)


@pytest.mark.parametrize("part", ["objects/", "manifest/"])
@pytest.mark.parametrize("limit", [1, 3, 7, 50])
def test_pages_lose_and_repeat_nothing(
    alpha: httpx.Client, box: str, part: str, limit: int
) -> None:
    sent = [indicator(number) for number in range(20)]
    put(alpha, box, *sent)
    got: list[str] = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        found = alpha.get(box + part, params=query).json()
        assert 0 < len(found["objects"]) <= limit
        got += [one["id"] for one in found["objects"]]
        if not found.get("more"):
            assert "next" not in found
            break
        query["next"] = found["next"]
    assert got == [obj["id"] for obj in sent]


def test_pages_by_added_after(alpha: httpx.Client, box: str) -> None:
    sent = [indicator(number) for number in range(10)]
    put(alpha, box, *sent)
    got: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    while True:
        found = alpha.get(box + "objects/", params=query)
        got += [one["id"] for one in found.json()["objects"]]
        if not found.json().get("more"):
            break
        query["added_after"] = found.headers["x-taxii-date-added-last"]
    assert got == [obj["id"] for obj in sent]


def test_a_page_mark_can_be_used_again_and_sees_what_came_since(
    alpha: httpx.Client, box: str
) -> None:
    put(alpha, box, *[indicator(number) for number in range(4)])
    mark = alpha.get(box + "objects/", params={"limit": 2}).json()["next"]
    before = seen(alpha, box, next=mark)
    assert seen(alpha, box, next=mark) == before
    late = indicator(99)
    put(alpha, box, late)
    assert seen(alpha, box, next=mark) == [*before, (late["id"], late["modified"])]


def test_added_after_is_strict(alpha: httpx.Client, box: str) -> None:
    first, second = indicator(1), indicator(2)
    put(alpha, box, first)
    put(alpha, box, second)
    last = alpha.get(box + "objects/", params={"limit": 1}).headers["x-taxii-date-added-last"]
    assert [id_ for id_, _ in seen(alpha, box, added_after=last)] == [second["id"]]
    assert seen(alpha, box, added_after="2999-01-01T00:00:00Z") == []


def test_a_limit_above_the_maximum_is_lowered(alpha: httpx.Client, box: str) -> None:
    put(alpha, box, *[indicator(number) for number in range(60)])
    for query in ({}, {"limit": 10_000_000}):
        found = alpha.get(box + "objects/", params=query).json()
        assert (len(found["objects"]), found["more"]) == (50, True)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=1&limit=2", "limit=%D9%A1",
        "limit=99999999999999999999", "added_after=yesterday", "added_after=", "added_after=2026-01-01",
        "added_after=2026-01-01T00:00:00", "added_after=2026-13-01T00:00:00Z",
        "added_after=2026-01-01T00:00:00.000000Z,2026-01-02T00:00:00.000000Z",
        "added_after=2026-01-01T00:00:00Z&added_after=2026-01-01T00:00:00Z",
        "added_after=2026-01-01T00:00:00%2B01:00", "next=x", "next=", "next=AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "match[version]=x", "match[version]=", "match[version]=all,last", "match[version]=last,last",
        "match[version]=2026-01-01", "match[type]=", "match[type]=a,,b", "match[id]=a&match[id]=b",
        "match[spec_version]=x", "match[id]=%ff", "match[id]=a%00b",
        "match[id]=" + ",".join(["a"] * 101),
    ],
)  # fmt: skip
def test_malformed_queries(alpha: httpx.Client, box: str, query: str) -> None:
    for part in ("objects/", "manifest/"):
        problem(alpha.get(f"{box}{part}?{query}"), 400)


def test_a_mark_of_another_collection(hub: World, alpha: httpx.Client, box: str) -> None:
    put(alpha, box, indicator(1), indicator(2))
    mark = alpha.get(box + "objects/", params={"limit": 1}).json()["next"]
    problem(alpha.get(hub.box() + "objects/", params={"next": mark}), 400)


def test_unknown_parameters_are_ignored(alpha: httpx.Client, box: str) -> None:
    mine = indicator()
    put(alpha, box, mine)
    assert len(seen(alpha, box, **{"match[pattern_type]": "nothing", "x": "1"})) == 1


def test_match_id_and_type(alpha: httpx.Client, box: str) -> None:
    a, b = indicator(1), indicator(2)
    c = {"type": "domain-name", "id": f"domain-name--{uuid.uuid4()}", "value": "n.example"}
    put(alpha, box, a, b, c)
    ids = {o["id"] for o in (a, b, c)}
    assert {i for i, _ in seen(alpha, box, **{"match[id]": f"{a['id']},{c['id']}"})} == {
        a["id"],
        c["id"],
    }
    assert {i for i, _ in seen(alpha, box, **{"match[type]": "indicator,domain-name"})} == ids
    both = {"match[type]": "indicator", "match[id]": f"{a['id']},{c['id']}"}
    assert [i for i, _ in seen(alpha, box, **both)] == [a["id"]]
    assert seen(alpha, box, **{"match[type]": "malware"}) == []
    records = alpha.get(box + "manifest/", params={"match[type]": "domain-name"}).json()["objects"]
    assert [record["id"] for record in records] == [c["id"]]


def test_match_version(alpha: httpx.Client, box: str) -> None:
    versions = three()
    put(alpha, box, *versions)
    at = [v["modified"] for v in versions]
    for asked, expected in (
        (None, at[2:]),
        ("last", at[2:]),
        ("first", at[:1]),
        ("all", at),
        ("first,last", [at[0], at[2]]),
        (at[1], [at[1]]),
        ("2026-01-02T00:00:00Z", [at[1]]),
        (f"{at[0]},{at[1]}", at[:2]),
        (f"first,{at[1]},last", at),
        ("2020-01-01T00:00:00Z", []),
    ):
        query = {} if asked is None else {"match[version]": asked}
        assert [m for _, m in seen(alpha, box, **query)] == expected
        records = alpha.get(box + "manifest/", params=query).json().get("objects", [])
        assert [record["version"] for record in records] == expected


def test_versions_added_in_any_order(alpha: httpx.Client, box: str) -> None:
    versions = three()
    put(alpha, box, versions[2], versions[0], versions[1])
    assert seen(alpha, box) == [(versions[2]["id"], versions[2]["modified"])]
    assert seen(alpha, box, **{"match[version]": "first"})[0][1] == versions[0]["modified"]


def test_match_spec_version(alpha: httpx.Client, box: str) -> None:
    new, old = indicator(1), indicator(2)
    del old["spec_version"]
    put(alpha, box, new, old)
    for asked, expected in (
        ("2.1", [new]), ("2.0", [old]), ("2.0,2.1", [new, old]), ("9.9", []),
    ):  # fmt: skip
        got = seen(alpha, box, **{"match[spec_version]": asked})
        assert [i for i, _ in got] == [o["id"] for o in expected]


def test_only_the_latest_spec_version_without_a_filter(alpha: httpx.Client, box: str) -> None:
    first, second, _ = three()
    del second["spec_version"]
    put(alpha, box, first, second)
    assert seen(alpha, box, **{"match[version]": "all"}) == [(first["id"], first["modified"])]
    assert seen(alpha, box) == [(first["id"], first["modified"])]
    both = {"match[version]": "all", "match[spec_version]": "2.0,2.1"}
    assert len(seen(alpha, box, **both)) == 2


def test_an_object_by_id(alpha: httpx.Client, box: str) -> None:
    versions = three()
    put(alpha, box, *versions)
    path = box + f"objects/{versions[0]['id']}/"
    assert alpha.get(path).json() == {"objects": [versions[2]]}
    everything = alpha.get(path, params={"match[version]": "all"}).json()["objects"]
    assert everything == versions
    first = alpha.get(path, params={"match[version]": "all", "limit": 2}).json()
    assert (len(first["objects"]), first["more"]) == (2, True)
    rest = alpha.get(path, params={"match[version]": "all", "limit": 2, "next": first["next"]})
    assert rest.json() == {"objects": versions[2:]}
    problem(alpha.get(path, params={"match[version]": "2020-01-01T00:00:00Z"}), 404)
    assert alpha.get(path, params={"added_after": "2999-01-01T00:00:00Z"}).json() == {}


def test_versions_of_an_object(alpha: httpx.Client, box: str) -> None:
    versions = three()
    put(alpha, box, *versions)
    path = box + f"objects/{versions[0]['id']}/versions/"
    assert alpha.get(path).json() == {"versions": [v["modified"] for v in versions]}
    first = alpha.get(path, params={"limit": 2}).json()
    assert (len(first["versions"]), first["more"]) == (2, True)
    rest = alpha.get(path, params={"next": first["next"]}).json()
    assert rest == {"versions": [versions[2]["modified"]]}
    assert alpha.get(path, params={"match[spec_version]": "2.0"}).json() == {}


def test_versions_without_modified(alpha: httpx.Client, box: str) -> None:
    marking = {
        "type": "marking-definition", "spec_version": "2.1", "created": "2026-01-01T00:00:00.000Z",
        "id": f"marking-definition--{uuid.uuid4()}", "definition_type": "statement",
        "definition": {"statement": "x"},
    }  # fmt: skip
    name = {"type": "domain-name", "id": f"domain-name--{uuid.uuid4()}", "value": "n.example"}
    put(alpha, box, marking, name)
    path = box + "objects/{}/versions/"
    assert alpha.get(path.format(marking["id"])).json() == {"versions": [marking["created"]]}
    added = alpha.get(box + "manifest/", params={"match[id]": name["id"]}).json()["objects"][0]
    assert alpha.get(path.format(name["id"])).json() == {"versions": [added["version"]]}
    found = seen(alpha, box, **{"match[version]": added["version"]})
    assert [id_ for id_, _ in found] == [name["id"]]
