"""Sections 4.3, 5.5 and 5.7: adding objects, their status, deleting them."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conformance.taxii.conftest import LIMITS
from tests.conformance.taxii.test_taxii_http import problem
from tests.conformance.taxii.test_taxii_reading import put, seen, three
from tests.hubs import World, indicator

RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"


def test_a_request_is_answered_with_its_status(alpha: httpx.Client, box: str) -> None:
    sent = [indicator(number) for number in range(3)]
    status = put(alpha, box, *sent)
    assert uuid.UUID(status["id"]).version == 4
    assert status["status"] == "complete"
    assert status["total_count"] == status["success_count"] == 3
    assert status["failure_count"] == status["pending_count"] == 0
    assert status["successes"] == [{"id": o["id"], "version": o["modified"]} for o in sent]
    assert "failures" not in status
    assert "pendings" not in status
    assert status["request_timestamp"].endswith("Z")
    assert alpha.get(f"/api/status/{status['id']}/").json() == status


def test_a_status_is_for_its_poster(
    alpha: httpx.Client, beta: httpx.Client, gamma: httpx.Client, box: str
) -> None:
    status = put(gamma, box, indicator())
    assert gamma.get(f"/api/status/{status['id']}/").json() == status
    for other in (alpha, beta):
        problem(other.get(f"/api/status/{status['id']}/"), 404)


def test_writing_is_forbidden_without_can_write(beta: httpx.Client, box: str) -> None:
    problem(beta.post(box + "objects/", json={"objects": [indicator()]}), 403)


def test_a_write_only_member_writes(alpha: httpx.Client, gamma: httpx.Client, box: str) -> None:
    mine = indicator()
    put(gamma, box, mine)
    assert [id_ for id_, _ in seen(alpha, box)] == [mine["id"]]


def test_a_write_only_member_learns_nothing_of_what_is_there(
    alpha: httpx.Client, gamma: httpx.Client, box: str
) -> None:
    for value in ("n.example", "m.example"):
        there, new = (
            {"type": "domain-name", "id": f"domain-name--{uuid.uuid4()}", "value": "n.example"}
            for _ in range(2)
        )
        put(alpha, box, there)
        status = put(gamma, box, new, {**there, "value": value})
        assert status["success_count"] == 2
        told = [one["version"] for one in status["successes"]]
        assert told[0] >= status["request_timestamp"]
        assert told[0] < told[1]


@pytest.mark.parametrize(
    "body",
    ["", "{", "nul", '{"objects": [}', "\x00", '{"objects": [{"a": NaN}]}', '{"objects": [1e]}',
     '{"objects": ["\\ud800"]}', "[" * 100_000],
)  # fmt: skip
def test_no_json(alpha: httpx.Client, box: str, body: str) -> None:
    problem(alpha.post(box + "objects/", content=body.encode()), 400)


def test_no_utf_8(alpha: httpx.Client, box: str) -> None:
    problem(alpha.post(box + "objects/", content=b'{"objects": ["\xff"]}'), 400)


@pytest.mark.parametrize(
    "body", [None, [], 1, "x", {}, {"objects": None}, {"objects": []}, {"objects": {}},
             {"objects": "x"}, {"object": [{}]}],
)  # fmt: skip
def test_no_envelope(alpha: httpx.Client, box: str, body: Any) -> None:
    problem(alpha.post(box + "objects/", content=json.dumps(body).encode()), 422)


def test_too_many_objects(alpha: httpx.Client, box: str) -> None:
    problem(alpha.post(box + "objects/", json={"objects": [{}] * (LIMITS.objects + 1)}), 422)
    assert seen(alpha, box) == []


def test_good_objects_are_stored_beside_bad_ones(alpha: httpx.Client, box: str) -> None:
    good = [indicator(number) for number in range(2)]
    deep: Any = 1
    for _ in range(LIMITS.depth + 1):
        deep = [deep]
    bad: list[Any] = [
        1, None, {}, {"type": "indicator"}, indicator(id="x"), indicator(id=f"malware--{uuid.uuid4()}"),
        indicator(modified="yesterday"), indicator(modified="2020-01-01T00:00:00Z"),
        indicator(created=None), indicator(n=2**53), indicator(n=-(2**70)), indicator(n=deep),
        indicator(name="x" * (LIMITS.object_length + 1)), indicator(object_marking_refs="red"),
        indicator(spec_version="3.0"), {**indicator(), "x" * 251: 1}, {**indicator(), "type": "Indicator"},
    ]  # fmt: skip
    status = put(alpha, box, good[0], *bad, good[1])
    assert status["total_count"] == len(bad) + 2
    assert (status["success_count"], status["failure_count"]) == (2, len(bad))
    assert len(status["failures"]) == len(bad)
    assert all(f["id"] and f["version"] and f["message"] for f in status["failures"])
    assert [id_ for id_, _ in seen(alpha, box)] == [obj["id"] for obj in good]


def test_infinite_numbers_are_not_stored(alpha: httpx.Client, box: str) -> None:
    text = json.dumps({"objects": [indicator(n=12345.5)]}).replace("12345.5", "1e999")
    sent = alpha.post(box + "objects/", content=text.encode())
    assert sent.status_code in (202, 400)
    assert sent.status_code == 400 or sent.json()["failure_count"] == 1
    assert seen(alpha, box) == []


def test_the_same_again_is_a_success_that_changes_nothing(alpha: httpx.Client, box: str) -> None:
    mine = indicator()
    name = {"type": "domain-name", "id": f"domain-name--{uuid.uuid4()}", "value": "n.example"}
    put(alpha, box, mine, name)
    before = alpha.get(box + "manifest/").json()
    for _ in range(2):
        status = put(alpha, box, dict(reversed(mine.items())), name, mine)
        assert (status["success_count"], status["failure_count"]) == (3, 0)
    assert alpha.get(box + "manifest/").json() == before


def test_another_content_of_a_version_is_a_failure(alpha: httpx.Client, box: str) -> None:
    mine = indicator()
    name = {"type": "domain-name", "id": f"domain-name--{uuid.uuid4()}", "value": "n.example"}
    put(alpha, box, mine, name)
    status = put(alpha, box, {**mine, "pattern": "[x:y = 1]"}, {**name, "value": "m.example"})
    assert [f["id"] for f in status["failures"]] == [mine["id"], name["id"]]
    assert alpha.get(box + "objects/").json()["objects"] == [mine, name]


def test_objects_come_back_as_they_were_sent(alpha: httpx.Client, box: str) -> None:
    extension = f"extension-definition--{uuid.uuid4()}"
    sent = [
        indicator(
            name="Ünïcode 漢字 \U0001f600 \u0000 \u2028 \" \\ / \x7f",
            x_unknown={"a": [1, -0.5, 1e-7, True, None, {"b": []}], "": ""} and {"a": [1, 1e300]},
            extensions={extension: {"extension_type": "property-extension", "n": 2**53 - 1}},
            labels=["b", "a"],
        ),
        {"type": "x-own-kind", "spec_version": "2.1", "id": f"x-own-kind--{uuid.uuid4()}",
         "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00.123456Z"},
        {"type": "domain-name", "id": f"domain-name--{uuid.uuid4()}", "value": "n.example"},
        {"type": "language-content", "spec_version": "2.1", "created": "2026-01-01T00:00:00.000Z",
         "id": f"language-content--{uuid.uuid4()}", "modified": "2026-01-01T00:00:00.000Z",
         "object_ref": f"campaign--{uuid.uuid4()}", "contents": {"de": {"name": "Ä"}}},
    ]  # fmt: skip
    put(alpha, box, *sent)
    assert alpha.get(box + "objects/").json()["objects"] == sent


def test_deleting_an_object_takes_all_its_versions(alpha: httpx.Client, box: str) -> None:
    versions, other = three(), indicator()
    put(alpha, box, *versions, other)
    path = box + f"objects/{other['id']}/"
    gone = box + f"objects/{versions[0]['id']}/"
    assert alpha.delete(gone).status_code == 200
    problem(alpha.get(gone), 404)
    problem(alpha.get(gone + "versions/"), 404)
    problem(alpha.delete(gone), 404)
    assert [one["id"] for one in alpha.get(box + "manifest/").json()["objects"]] == [other["id"]]
    assert alpha.get(path).status_code == 200


def test_deleting_a_version(alpha: httpx.Client, box: str) -> None:
    versions = three()
    put(alpha, box, *versions)
    path = box + f"objects/{versions[0]['id']}/"
    one = {"match[version]": versions[1]["modified"]}
    assert alpha.delete(path, params=one).status_code == 200
    problem(alpha.get(path, params=one), 404)
    problem(alpha.delete(path, params=one), 404)
    assert alpha.delete(path, params={"match[version]": "last"}).status_code == 200
    assert alpha.get(path).json() == {"objects": [versions[0]]}
    problem(alpha.delete(path, params={"match[version]": "x"}), 400)


def test_deleting_needs_both_rights_and_ones_own_object(
    alpha: httpx.Client, beta: httpx.Client, gamma: httpx.Client, box: str
) -> None:
    theirs = indicator()
    put(gamma, box, theirs)
    path = box + f"objects/{theirs['id']}/"
    for client in (alpha, beta, gamma):
        problem(client.delete(path), 403)
    assert [id_ for id_, _ in seen(alpha, box)] == [theirs["id"]]


def test_claims_are_never_deleted(alpha: httpx.Client) -> None:
    problem(alpha.delete(f"/api/collections/claims/objects/campaign--{uuid.uuid4()}/"), 403)


def test_an_unsigned_object_is_no_claim(alpha: httpx.Client) -> None:
    status = put(alpha, "/api/collections/claims/", indicator())
    assert (status["success_count"], status["failure_count"]) == (0, 1)
    assert alpha.get("/api/collections/claims/objects/").json() == {}


def test_what_is_red_exists_for_its_poster_alone(
    alpha: httpx.Client, beta: httpx.Client, box: str
) -> None:
    versions = three()
    secret = {**versions[2], "object_marking_refs": [RED]}
    own = indicator(object_marking_refs=[RED])
    put(alpha, box, *versions[:2], secret, own)
    assert len(seen(alpha, box)) == 2
    assert seen(beta, box) == [(versions[1]["id"], versions[1]["modified"])]
    assert "more" not in beta.get(box + "objects/", params={"limit": 1}).json()
    listed = beta.get(box + "manifest/", params={"match[version]": "all"})
    assert len(listed.json()["objects"]) == 2
    last = listed.json()["objects"][-1]["date_added"]
    assert listed.headers["x-taxii-date-added-last"] == last
    path = box + f"objects/{versions[0]['id']}/"
    assert beta.get(path).json() == {"objects": [versions[1]]}
    assert len(beta.get(path + "versions/").json()["versions"]) == 2
    problem(beta.get(box + f"objects/{own['id']}/"), 404)
    problem(beta.get(path, params={"match[version]": secret["modified"]}), 404)


def test_an_observable_that_others_hide_can_be_stored(
    alpha: httpx.Client, gamma: httpx.Client, beta: httpx.Client, box: str
) -> None:
    name = {"type": "domain-name", "id": f"domain-name--{uuid.uuid4()}", "value": "n.example"}
    put(gamma, box, {**name, "object_marking_refs": [RED]})
    assert put(alpha, box, name)["success_count"] == 1
    assert beta.get(box + "objects/").json()["objects"] == [name]


@pytest.fixture
def shelf(hub: World) -> str:
    """Path of an open collection that three members read and write."""
    three_of_them = ["alpha", "beta", "gamma"]
    return hub.box(readers=three_of_them, writers=three_of_them)


def everything(client: httpx.Client, shelf: str) -> list[Any]:
    """All that a member can see of a collection: bodies, manifest, versions, headers that tell of them."""
    found: list[Any] = []
    for path in ("objects/?match[version]=all", "manifest/?match[version]=all"):
        answer = client.get(shelf + path)
        told = {n: v for n, v in answer.headers.items() if n.lower().startswith("x-taxii")}
        found.append((answer.json(), told))
    return found


def test_what_a_second_member_posts_is_there_for_it_too(
    alpha: httpx.Client, beta: httpx.Client, gamma: httpx.Client, shelf: str
) -> None:
    secret = indicator(object_marking_refs=[RED])
    put(alpha, shelf, secret)
    before = everything(alpha, shelf)
    status = put(gamma, shelf, secret)
    assert status["success_count"] == 1
    assert seen(gamma, shelf) == [(secret["id"], secret["modified"])]
    assert gamma.get(f"{shelf}objects/{secret['id']}/").json()["objects"] == [secret]
    assert everything(alpha, shelf) == before  # nothing tells it that another has the same
    assert everything(beta, shelf)[0][0] == {}
    problem(beta.get(f"{shelf}objects/{secret['id']}/"), 404)
    assert put(gamma, shelf, secret)["success_count"] == 1
    assert len(seen(gamma, shelf)) == 1


@pytest.mark.parametrize("order", [("alpha", "gamma", "beta"), ("gamma", "beta", "alpha")])
def test_what_several_posted_goes_with_the_last_of_them(
    hub: World, clients: dict[str, httpx.Client], shelf: str, order: tuple[str, ...]
) -> None:
    assert hub.ids
    secret = indicator(object_marking_refs=[RED])
    for name in ("alpha", "beta", "gamma"):
        put(clients[name], shelf, secret)
    left = list(order)
    while left:
        gone = clients[left.pop(0)]
        assert gone.delete(f"{shelf}objects/{secret['id']}/").status_code == 200
        problem(gone.get(f"{shelf}objects/{secret['id']}/"), 404)
        problem(gone.delete(f"{shelf}objects/{secret['id']}/"), 404)
        for name in left:
            assert [id_ for id_, _ in seen(clients[name], shelf)] == [secret["id"]]


def test_what_two_post_at_once_is_there_for_both(
    alpha: httpx.Client, gamma: httpx.Client, shelf: str
) -> None:
    secret = [indicator(number, object_marking_refs=[RED]) for number in range(40)]
    with ThreadPoolExecutor(2) as both:
        for status in both.map(lambda client: put(client, shelf, *secret), (alpha, gamma)):
            assert status["success_count"] == 40
    for client in (alpha, gamma):
        assert sorted(id_ for id_, _ in seen(client, shelf)) == sorted(o["id"] for o in secret)
