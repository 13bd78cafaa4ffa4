"""The plan: its id covers everything, and nothing damaged becomes one."""

import json
from dataclasses import replace
from datetime import date

import pytest

from stillwatch.crypto.ceremony.commits import check_commits
from stillwatch.crypto.ceremony.plan import Plan, draw_plan, refresh_plan
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import InputError, NotTrusted
from tests.ceremonies import ceremony, known, seats

HELD = ceremony()
COMMITS = HELD.commits()
DEALS = HELD.deals(check_commits(HELD.plan, COMMITS))
CHECKED = check_commits(HELD.plan, COMMITS)


def test_a_plan_survives_json_and_its_id_covers_everything():
    plans = [HELD.plan, refresh_plan(HELD.finish()[0].epoch, HELD.plan.seats)]
    for plan in plans:
        assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    ids = {
        plan.id
        for plan in (
            *plans,
            replace(plans[0], threshold=3),
            replace(plans[0], name="2027-q1"),
            replace(plans[0], ends=date(2026, 12, 1)),
            replace(plans[0], nonce=bytes(32)),
            replace(plans[0], seats=plans[0].seats[:2]),
        )
    }
    assert len(ids) == 7


@pytest.mark.parametrize("name", [*HELD.plan.to_json(), "more"])
@pytest.mark.parametrize("value", [None, True, 7, [], {}, "", [1]], ids=str)
def test_a_damaged_plan_is_refused(name, value):
    if (name, value) == ("before", None):
        return
    with pytest.raises(InputError):
        Plan.from_json({**HELD.plan.to_json(), name: value})


@pytest.mark.parametrize("name", [*HELD.plan.to_json()["seats"][0], "more"])
@pytest.mark.parametrize("value", [None, True, 0, [], "", "AAAA"], ids=str)
def test_a_damaged_seat_is_refused(name, value):
    plan = HELD.plan.to_json()
    plan["seats"][0] = {**plan["seats"][0], name: value}
    with pytest.raises(InputError):
        Plan.from_json(plan)


def test_seats_are_of_active_keys_of_their_members():
    plan = HELD.plan
    plan.check_members(known(plan))
    first = plan.seats[0]
    for changed in (
        {k: v for k, v in known(plan).items() if k != first.key_id},
        {**known(plan), first.key_id: replace(known(plan)[first.key_id], state="suspended")},
        {**known(plan), first.key_id: replace(known(plan)[first.key_id], identity="other")},
    ):
        with pytest.raises(NotTrusted, match="participant 1"):
            plan.check_members(changed)


def test_one_key_takes_one_seat():
    key = SigningKey.generate()
    with pytest.raises(InputError, match="one key_id"):
        draw_plan("e", 2, seats([key, key]), date(2026, 10, 1))


def test_a_refresh_is_of_the_same_members_days_and_threshold():
    epoch = HELD.finish()[0].epoch
    with pytest.raises(InputError):
        refresh_plan(epoch, HELD.plan.seats[:2])
    plan = refresh_plan(epoch, HELD.plan.seats)
    assert plan.generation == 1
    for changes in (
        {"name": "2027-q1"},
        {"threshold": 3},
        {"starts": date(2026, 10, 2)},
        {"ends": date(2026, 12, 1)},
    ):
        with pytest.raises(InputError, match="may not change its"):
            replace(plan, **changes)
    moved = replace(HELD.plan.seats[0], member=HELD.plan.seats[0].member[:-1] + "f")
    with pytest.raises(InputError, match="needs all who hold shares"):
        refresh_plan(epoch, [moved, *HELD.plan.seats[1:]])
