"""What a claims collection refuses, over HTTP with real keys."""

from datetime import UTC, datetime, timedelta

import pytest

from stillwatch.intel.ids import CLAIM
from stillwatch.intel.objects import format_time, to_micros
from stillwatch.intel.policy.rules import rule_digest
from stillwatch.intel.signed import sign
from tests.claims import RULE, rule_content
from tests.hubs import people, serving
from tests.speakers import Forum


@pytest.fixture
def forum(made, database_url, key_file):
    assert made.fresh
    with serving(people(database_url, key_file)) as world:
        forum = Forum(world)
        for name in ("alpha", "beta"):
            forum.enrol(name)
        yield forum


def version(obj: dict, minutes: int, **changes) -> dict:
    """A later version of a claim."""
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
    return {**obj, "modified": format_time(to_micros(at)), **changes}


def refusal(forum: Forum, name: str, obj: dict) -> str:
    status = forum.say(name, obj)
    assert (status["success_count"], status["failure_count"]) == (0, 1), status
    return status["failures"][0]["message"]


def test_versions_follow_one_another_and_nothing_follows_a_revocation(forum: Forum) -> None:
    first = forum.draft("alpha")
    third, second = version(first, 2), version(first, 1)
    forum.publish("alpha", first)
    forum.publish("alpha", third)
    assert "a later version was stored" in refusal(forum, "alpha", second)
    # sent again, what is stored is no error
    assert forum.say("alpha", first)["success_count"] == 1
    forum.publish("alpha", version(first, 3, revoked=True))
    assert "revoked" in refusal(forum, "alpha", version(first, 4))
    assert forum.say("alpha", third)["success_count"] == 1


def test_a_claim_is_its_publishers(forum: Forum) -> None:
    mine = forum.draft("alpha")
    forum.publish("alpha", mine)
    # beta says alpha said it
    assert "signature" in refusal(forum, "beta", version(mine, 1))
    # beta takes the id over
    own = forum.draft("beta")
    stolen = {**version(mine, 1), "created_by_ref": own["created_by_ref"]}
    assert "another publisher's" in refusal(forum, "beta", stolen)
    # beta sends what alpha signed
    said = sign(forum.draft("alpha"), forum.names["alpha"].key)
    path = f"/api/collections/{forum.world.ids['claims']}/objects/"
    answer = forum.ask("beta", "POST", path, json={"objects": [said]}).json()
    assert "signature" in answer["failures"][0]["message"]


def test_what_a_claim_needs(forum: Forum) -> None:
    mine = forum.draft("alpha")
    without = {name: value for name, value in mine.items() if name != "object_marking_refs"}
    assert "object_marking_refs" in refusal(forum, "alpha", without)
    assert "description" in refusal(forum, "alpha", {**mine, "description": "call me"})
    changed = sign(mine, forum.names["alpha"].key)
    changed["extensions"][CLAIM]["terms"]["purpose"] = "network-security"
    path = f"/api/collections/{forum.world.ids['claims']}/objects/"
    answer = forum.ask("alpha", "POST", path, json={"objects": [changed]}).json()
    assert answer["success_count"] == 0


def test_stored_claims_are_leaves_of_one_checkpoint(forum: Forum) -> None:
    before = int(forum.ask("alpha", "GET", "/log/checkpoint").text.splitlines()[1])
    key = forum.names["alpha"].key
    objects = [sign(forum.draft("alpha"), key) for _ in range(5)]
    path = f"/api/collections/{forum.world.ids['claims']}/objects/"
    answer = forum.ask("alpha", "POST", path, json={"objects": objects})
    assert answer.json()["success_count"] == 5
    after = int(forum.ask("alpha", "GET", "/log/checkpoint").text.splitlines()[1])
    assert after == before + 5


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("condition: asks", "condition: asks and other"),
        ("prompt|contains:", "prompt|startswith:"),
        ("prompt|contains:", "account|contains:"),
    ],
)
def test_a_rule_that_nobody_can_read_does_not_enter(forum: Forum, before: str, after: str) -> None:
    forum.publish("alpha", forum.draft("alpha", "rule"))
    text = RULE.replace(before, after)
    digest = rule_digest(rule_content(text))
    said = refusal(forum, "alpha", forum.draft("alpha", "rule", rule=text, digest=digest))
    assert "fields.rule: is no rule" in said
    assert after not in said


def dated(obj: dict, day: datetime, *names: str) -> dict:
    """A claim that states another instant, or the midnight of its day, under some names."""
    terms = obj["extensions"][CLAIM]["terms"]
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    if "valid_from" in names:
        terms = {**terms, "valid_from": format_time(to_micros(midnight), 0)}
    changed = {name: format_time(to_micros(day)) for name in names if name != "valid_from"}
    extension = {**obj["extensions"][CLAIM], "terms": terms}
    return {**obj, **changed, "extensions": {**obj["extensions"], CLAIM: extension}}


def days_ago(days: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("created", "modified", "valid_from"), "created"),
        (("created",), "created"),
        (("valid_from",), "valid_from"),
    ],
)
def test_a_new_claim_is_of_about_the_day_on_which_it_comes(
    forum: Forum, names: tuple[str, ...], field: str
) -> None:
    draft = forum.draft("alpha")
    assert f"{field}: lies too long before" in refusal(
        forum, "alpha", dated(draft, days_ago(9), *names)
    )
    forum.publish("alpha", dated(draft, days_ago(6), *names))


def test_nothing_is_said_in_the_future(forum: Forum) -> None:
    draft = forum.draft("alpha")
    soon, late = days_ago(-10 / 1440), days_ago(-30 / 1440)
    assert "created: lies in the future" in refusal(
        forum, "alpha", dated(draft, late, "created", "modified")
    )
    assert "modified: lies in the future" in refusal(forum, "alpha", dated(draft, late, "modified"))
    forum.publish("alpha", dated(draft, soon, "created", "modified"))


def test_a_later_version_is_no_older_than_the_one_before_nor_than_its_day(
    made, database_url, key_file
):
    """A clock of the hub's own: months pass, and what was stored long ago is still known."""
    assert made.fresh
    at = [to_micros(datetime.now(UTC))]
    with serving(people(database_url, key_file), clock=lambda: at[0]) as world:
        forum = Forum(world)
        forum.enrol("alpha")
        first = dated(forum.draft("alpha"), days_ago(2), "created", "valid_from")
        forum.publish("alpha", first)
        assert "modified: a later version" in refusal(
            forum, "alpha", dated(first, days_ago(1), "modified")
        )
        at[0] += 60 * 86_400 * 1_000_000
        assert forum.say("alpha", first)["success_count"] == 1  # it is there
        later = days_ago(-20)  # after the first, 40 days before it comes: its basis may have ended
        assert "modified: lies too long before" in refusal(
            forum, "alpha", dated(first, later, "modified")
        )
        now = days_ago(-60)
        back = dated(dated(first, now, "modified"), days_ago(4), "valid_from")
        assert "valid_from: lies too long before" in refusal(forum, "alpha", back)
        moved = dated(dated(first, now, "modified"), now, "created")
        assert "created: not that of" in refusal(forum, "alpha", moved)
        forum.publish("alpha", dated(first, now, "modified"))  # from the day it always had
        # who takes a claim back may do so late
        second = {**dated(first, now + timedelta(seconds=1), "modified"), "revoked": True}
        at[0] += 20 * 86_400 * 1_000_000
        forum.publish("alpha", second)


def test_a_clock_of_the_hub_that_went_back_keeps_nobody_out(made, database_url, key_file):
    assert made.fresh
    at = [to_micros(datetime.now(UTC))]
    with serving(people(database_url, key_file), clock=lambda: at[0]) as world:
        forum = Forum(world)
        forum.enrol("alpha")
        forum.publish("alpha", forum.draft("alpha"))
        at[0] -= 3_600 * 1_000_000
        forum.publish("alpha", forum.draft("alpha"))


def test_a_claim_of_another_is_refused_alike_whether_it_is_there_or_not(forum: Forum) -> None:
    """Who posts what only another could have signed learns nothing of what is stored and hidden."""
    red = ["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]
    there, absent = (
        sign({**forum.draft("alpha"), "object_marking_refs": red}, forum.names["alpha"].key)
        for _ in range(2)
    )
    path = f"/api/collections/{forum.world.ids['claims']}/objects/"
    forum.ask("alpha", "POST", path, json={"objects": [there]})
    told = [
        forum.ask("beta", "POST", path, json={"objects": [one]}).json()["failures"]
        for one in (there, absent)
    ]
    assert [one[0]["message"] for one in told] == [
        "signature: not by a current key of yours for created_by_ref"
    ] * 2
    assert forum.ask("beta", "GET", f"{path}{there['id']}/").status_code == 404
