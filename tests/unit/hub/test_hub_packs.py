"""What the hub does with packs: kept by digest, bound to one claim, shown to its readers alone."""

import copy
import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from stillwatch.hub import backup
from stillwatch.hub.database import connect
from stillwatch.hub.fsck.check import check
from stillwatch.hub.packs import drop
from stillwatch.hub.schema import audit, packs, tags
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.objects import format_time, to_micros
from stillwatch.intel.packform import HEAD, LIMITS, ROW_BYTES
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.sharing.matching.pack import build
from stillwatch.sharing.matching.record import dummy
from tests.hubs import people, serving
from tests.speakers import Forum

_MEDIA = "application/octet-stream"
_DAY = 86_400_000_000


class Clock:
    """The hub's time, moved by hand."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return int(datetime.now(UTC).timestamp() * 1e6) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forum(made, database_url, key_file, clock) -> Iterator[Forum]:
    assert made.fresh
    with serving(people(database_url, key_file), clock=clock) as world:
        forum = Forum(world)
        for name in ("alpha", "beta"):
            forum.enrol(name)
        yield forum


def pack(rows: int = 3) -> bytes:
    return build([dummy() for _ in range(rows)])


def post(forum: Forum, who: str, content: bytes, media: str = _MEDIA) -> Any:
    return forum.ask(who, "POST", "/v1/packs", content=content, headers={"Content-Type": media})


def fetch(forum: Forum, who: str, content: bytes) -> Any:
    return forum.ask(who, "GET", f"/v1/packs/{hashlib.sha256(content).hexdigest()}")


def naming(forum: Forum, who: str, content: bytes, serial: int = 1, **fields: Any) -> dict:
    """A tags claim that names a pack."""
    obj = forum.draft(who, "tags")
    obj["extensions"][CLAIM]["terms"] |= fields.pop("terms", {})
    rows = (len(content) - HEAD.size) // ROW_BYTES
    said = obj["extensions"][CLAIM]["fields"]
    said |= {"pack": hashlib.sha256(content).hexdigest(), "rows": rows, "serial": serial, **fields}
    return rendered(obj)


def rendered(obj: dict) -> dict:
    return to_stix(from_stix(obj))


def refusal(forum: Forum, who: str, obj: dict) -> str:
    status = forum.say(who, obj)
    assert (status["success_count"], status["failure_count"]) == (0, 1), status
    return status["failures"][0]["message"]


def revoked(obj: dict) -> dict:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    return {**obj, "modified": format_time(to_micros(at)), "revoked": True}


def test_a_pack_is_shown_to_readers_of_the_claim_that_names_it(forum: Forum) -> None:
    content = pack()
    first = post(forum, "alpha", content)
    assert first.status_code == 201
    assert first.json() == {"sha256": hashlib.sha256(content).hexdigest(), "rows": 256}
    again = post(forum, "alpha", content)
    assert (again.status_code, again.json()) == (200, first.json())
    # nobody sees it before it is named, its poster included
    assert {fetch(forum, who, content).status_code for who in ("alpha", "beta")} == {404}
    forum.publish("alpha", naming(forum, "alpha", content))
    for who in ("alpha", "beta", "gamma"):
        answer = fetch(forum, who, content)
        assert (answer.status_code, answer.headers["content-type"]) == (200, _MEDIA)
        assert answer.content == content
    # delta may not read the collection
    hidden, missing = fetch(forum, "delta", content), fetch(forum, "delta", b"")
    assert hidden.status_code == missing.status_code == 404
    assert _told(hidden, content) == _told(missing, b"")


def _told(answer: Any, content: bytes) -> Any:
    """An answer without what must differ."""
    body = answer.json()
    digest = hashlib.sha256(content).hexdigest()
    return body["description"].replace(digest, "…"), body["title"], sorted(body)


def test_a_claim_for_one_recipient_shows_its_pack_to_that_one(forum: Forum) -> None:
    content = pack()
    post(forum, "alpha", content)
    forum.publish("alpha", naming(forum, "alpha", content, terms={"recipients": ["beta"]}))
    seen = {who: fetch(forum, who, content).status_code for who in ("alpha", "beta", "gamma")}
    assert seen == {"alpha": 200, "beta": 200, "gamma": 404}


def test_who_may_not_write_claims_posts_no_pack(forum: Forum) -> None:
    assert post(forum, "delta", pack()).status_code == 403
    assert forum.ask(None, "POST", "/v1/packs", content=b"").status_code == 401


@pytest.mark.parametrize(
    ("content", "media", "status", "told"),
    [
        (b"", _MEDIA, 422, "no pack"),
        (pack()[:-1], _MEDIA, 422, "another number"),
        (HEAD.pack(b"SWPACK\0\1", 312, 255) + bytes(255 * 312), _MEDIA, 422, "multiple"),
        (pack()[: HEAD.size] + b"\xff" * 312 + bytes(255 * 312), _MEDIA, 422, "not sorted"),
        (pack(), "application/json", 415, "octet-stream"),
        (bytes(LIMITS.bytes + 1), _MEDIA, 413, "at most"),
    ],
)
def test_what_is_no_pack_is_refused(
    forum: Forum, content: bytes, media: str, status: int, told: str
) -> None:
    answer = post(forum, "alpha", content, media)
    assert answer.status_code == status
    assert told in answer.json()["description"]
    assert _rows(forum, packs) == []


def test_a_claim_enters_with_a_pack_of_its_own_member_only(forum: Forum) -> None:
    content = pack()
    told = "no such pack of yours"
    assert told in refusal(forum, "alpha", naming(forum, "alpha", content))
    post(forum, "alpha", content)
    # beta names alpha's pack, before and after alpha did
    assert told in refusal(forum, "beta", naming(forum, "beta", content))
    forum.publish("alpha", naming(forum, "alpha", content))
    assert told in refusal(forum, "beta", naming(forum, "beta", content))
    # and posts it under its own name
    answer = post(forum, "beta", content)
    assert answer.status_code == 409
    assert "another member's" in answer.json()["description"]


def test_a_claim_states_its_rows(forum: Forum) -> None:
    content = pack()
    post(forum, "alpha", content)
    wrong = naming(forum, "alpha", content, rows=512)
    assert "the pack has 256 rows" in refusal(forum, "alpha", wrong)


def test_serials_have_no_gaps_and_are_never_used_twice(forum: Forum) -> None:
    contents = [pack() for _ in range(4)]
    for content in contents:
        post(forum, "alpha", content)
    first = naming(forum, "alpha", contents[0])
    assert "next of this publisher and epoch is 1" in refusal(
        forum, "alpha", naming(forum, "alpha", contents[1], serial=2)
    )
    forum.publish("alpha", first)
    assert "is 2" in refusal(forum, "alpha", naming(forum, "alpha", contents[1], serial=1))
    assert "is 2" in refusal(forum, "alpha", naming(forum, "alpha", contents[1], serial=3))
    forum.publish("alpha", naming(forum, "alpha", contents[1], serial=2))
    # an old pack under a new serial
    assert "another claim names it" in refusal(
        forum, "alpha", naming(forum, "alpha", contents[0], serial=3)
    )
    # another epoch counts by itself
    forum.publish("alpha", naming(forum, "alpha", contents[2], serial=1, epoch="2027-q1"))
    # a serial whose claim was revoked is used
    forum.publish("alpha", revoked(first))
    assert "is 3" in refusal(forum, "alpha", naming(forum, "alpha", contents[3], serial=1))
    # sending again what is stored is no error
    assert forum.say("alpha", first)["success_count"] == 1


def test_a_new_version_names_the_same_pack(forum: Forum) -> None:
    one, other = pack(), pack()
    for content in (one, other):
        post(forum, "alpha", content)
    first = naming(forum, "alpha", one)
    forum.publish("alpha", first)
    changed = copy.deepcopy(revoked(first))
    del changed["revoked"]
    changed["extensions"][CLAIM]["fields"]["pack"] = hashlib.sha256(other).hexdigest()
    assert "the same pack" in refusal(forum, "alpha", rendered(changed))
    forum.publish("alpha", revoked(first))
    assert fetch(forum, "beta", one).status_code == 404


def test_requests_at_once_share_out_the_serials(forum: Forum) -> None:
    contents = [pack() for _ in range(4)]
    for content in contents:
        post(forum, "alpha", content)
    claims = [naming(forum, "alpha", content) for content in contents]
    told: list[dict] = []
    threads = [
        threading.Thread(target=lambda c=claim: told.append(forum.say("alpha", c)))
        for claim in claims
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(status["success_count"] for status in told) == 1
    assert [row.serial for row in _rows(forum, tags)] == [1]


def test_what_waits_unnamed_is_bounded_and_dropped_after_a_day(forum: Forum, clock: Clock) -> None:
    contents = [pack() for _ in range(8)]
    for content in contents:
        assert post(forum, "alpha", content).status_code == 201
    full = post(forum, "alpha", pack())
    assert full.status_code == 409
    assert "wait for a claim" in full.json()["description"]
    forum.publish("alpha", naming(forum, "alpha", contents[0]))
    clock.ahead = _DAY + 1
    assert post(forum, "beta", pack()).status_code == 201
    kept = {row.sha256 for row in _rows(forum, packs)}
    assert hashlib.sha256(contents[0]).hexdigest() in kept
    assert len(kept) == 2
    assert fetch(forum, "beta", contents[0]).status_code == 200
    # its claim comes too late
    told = refusal(forum, "alpha", naming(forum, "alpha", contents[1], serial=2))
    assert "post it to /v1/packs first" in told


def test_a_pack_goes_a_day_after_its_claim(forum: Forum, clock: Clock) -> None:
    content = pack()
    post(forum, "alpha", content)
    first = naming(forum, "alpha", content)
    forum.publish("alpha", first)
    forum.publish("alpha", revoked(first))
    forum.ask("alpha", "GET", "/v1/standing")  # follows the log
    with closing(connect(forum.world.url)) as database, database.write() as connection:
        assert drop(connection, now=clock()) == 0
        assert drop(connection, now=clock() + 2 * _DAY) == 1


def test_posting_is_counted_once_and_audited(forum: Forum) -> None:
    content = pack()

    def used() -> int:
        quotas = forum.ask("alpha", "GET", "/v1/members/me").json()["quotas"]
        return next(one["used"] for one in quotas if one["kind"] == "writes")

    before = used()
    for _ in range(3):
        post(forum, "alpha", content)
    assert used() == before + 1
    acts = [row.action for row in _rows(forum, audit)]
    assert acts.count("pack.post") == 1


def test_fsck_and_backup_know_packs(forum: Forum, tmp_path) -> None:
    content = pack(400)
    post(forum, "alpha", content)
    forum.publish("alpha", naming(forum, "alpha", content))
    report = check(database=forum.world.url)
    assert report.holds, report.faults
    assert report.looked_at["packs"] == 1
    database = connect(forum.world.url)
    backup.back_up(database, tmp_path / "copy.db")
    restored = f"sqlite:///{tmp_path / 'restored.db'}"
    backup.restore(tmp_path / "copy.db", restored)
    assert check(database=restored).holds
    with closing(connect(restored)) as copy, copy.read() as connection:
        assert connection.scalar(select(packs.c.content)) == content
    # every damage is named
    damaged = content[:-1] + bytes([content[-1] ^ 1])
    with database.write() as connection:
        connection.execute(update(packs).values(content=damaged))
    assert "its digest is another" in str(check(database=forum.world.url).faults)
    with database.write() as connection:
        connection.execute(update(packs).values(content=content[:-1]))
    assert "its size is another" in str(check(database=forum.world.url).faults)
    with database.write() as connection:
        connection.execute(update(packs).values(content=content))
        connection.execute(update(tags).values(serial=2))
    faults = str(check(database=forum.world.url).faults)
    assert "serials have gaps" in faults
    assert "names another pack or serial" in faults
    with database.write() as connection:
        connection.execute(text("UPDATE tags SET serial = 1, stix_id = 'indicator--none'"))
    assert "does not exist" in str(check(database=forum.world.url).faults)
    database.close()


def test_figures_have_the_rows(forum: Forum) -> None:
    post(forum, "alpha", pack(300))
    figures = forum.ask("alpha", "GET", "/metrics").text
    assert "stillwatch_hub_pack_rows 512.0" in figures


def _rows(forum: Forum, table: Any) -> list[Any]:
    database = connect(forum.world.url)
    with database.read() as connection:
        found = list(connection.execute(select(table)).all())
    database.close()
    return found
