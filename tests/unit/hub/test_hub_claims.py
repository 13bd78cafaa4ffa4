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
