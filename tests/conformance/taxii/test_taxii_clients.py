"""The OASIS client and stix2's source and sink, end to end."""

from typing import Any

import pytest
import stix2
from taxii2client.v21 import Collection, Server, as_pages

from tests.hubs import World, indicator


@pytest.fixture
def collection(hub: World, box: str) -> Collection:
    server = Server(hub.base + "/taxii2/", user="alpha", password=hub.tokens["alpha"])
    root = server.default
    assert root is not None
    assert root.url == server.api_roots[0].url
    return next(one for one in root.collections if box.endswith(f"/{one.id}/"))


def test_oasis_client_adds_and_reads(collection: Collection) -> None:
    sent = [indicator(number) for number in range(3)]
    status = collection.add_objects({"objects": sent}, wait_for_completion=True)
    assert (status.success_count, status.status) == (3, "complete")
    assert collection.get_objects()["objects"] == sent
    assert collection.get_object(sent[0]["id"])["objects"] == sent[:1]
    assert len(collection.get_manifest()["objects"]) == 3
    collection.delete_object(sent[0]["id"])
    assert collection.get_objects()["objects"] == sent[1:]


@pytest.mark.parametrize("per_request", [0, 3, 7, 1000])
def test_oasis_client_pages_end(collection: Collection, per_request: int) -> None:
    sent = [indicator(number) for number in range(60)]
    versions = [{**sent[0], "modified": f"2026-02-01T00:00:{n:02d}.000Z"} for n in range(55)]
    collection.add_objects({"objects": sent}, wait_for_completion=False)
    collection.add_objects({"objects": versions}, wait_for_completion=False)
    got = _all(as_pages(collection.get_objects, per_request=per_request))
    assert [o["id"] for o in got] == [*(o["id"] for o in sent[1:]), sent[0]["id"]]
    listed = _all(as_pages(collection.get_manifest, per_request=per_request))
    assert [record["id"] for record in listed] == [o["id"] for o in got]
    pages = as_pages(
        lambda **query: collection.object_versions(sent[0]["id"], **query), per_request=per_request
    )
    told = [version for page in pages for version in page["versions"]]
    assert told == [sent[0]["modified"], *(v["modified"] for v in versions)]


def test_stix2_sink_and_source(collection: Collection) -> None:
    sink, source = stix2.TAXIICollectionSink(collection), stix2.TAXIICollectionSource(collection)
    made = [
        stix2.v21.Indicator(pattern="[domain-name:value = 'n.example']", pattern_type="stix"),
        stix2.v21.Campaign(name="Ünïcode"),
        stix2.v21.DomainName(value="n.example"),
    ]
    for obj in made:
        sink.add(obj)
    newer = made[1].new_version(name="newer")
    sink.add(newer)
    assert source.get(made[1].id).name == "newer"
    assert [o.name for o in source.all_versions(made[1].id)] == ["Ünïcode", "newer"]
    assert source.get(made[2].id).value == "n.example"
    found = source.query([stix2.Filter("type", "=", "indicator")])
    assert [o.id for o in found] == [made[0].id]
    assert {o.id for o in source.query([])} == {o.id for o in made}


def _all(pages: Any) -> list[dict[str, Any]]:
    return [obj for page in pages for obj in page["objects"]]
