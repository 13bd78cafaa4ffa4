"""Enacting through a real store: once, within bounds, and never over a person's head."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stillwatch.domain.decision import Decision, Effect
from stillwatch.gateway.policy.arm import arm
from stillwatch.gateway.policy.case import Case
from stillwatch.gateway.policy.enact import Enacted, enact
from stillwatch.gateway.policy.load import load_policy
from stillwatch.store import decisions
from stillwatch.store.database import Store
from stillwatch.store.decisions import Kept
from tests.cases import LOG, NOW, RUN, blocks_everyone, campaign, lone
from tests.databases import postgresql
from tests.decided import decided, in_force

STANDARD = load_policy()
DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        opened = Store(f"sqlite:///{tmp_path}/lab.db")
        yield opened
        opened.close()
        return
    with postgresql() as url:
        opened = Store(url)
        yield opened
        opened.close()


def run(store: Store, *cases: Case, policy=STANDARD, now=NOW, **how: bool) -> Enacted:  # type: ignore[no-untyped-def]
    return enact(store, policy, cases, now=now, by="test", **how)


def standing(store: Store, now=NOW) -> list[Decision]:  # type: ignore[no-untyped-def]
    with store.begin() as connection:
        return list(in_force(connection, now).values())


def kept(store: Store, state: str) -> list[Kept]:
    with store.begin() as connection:
        return decisions.listed(connection, state=state, limit=1000)  # type: ignore[arg-type]


def members(store: Store, now=NOW) -> set[str]:  # type: ignore[no-untyped-def]
    return {name for one in standing(store, now) for name in one.members}


def newest(store: Store) -> int:
    with store.begin() as connection:
        return decisions.newest(connection)


def test_the_same_again_changes_nothing_and_later_it_renews(store: Store) -> None:
    cases = [campaign(8), lone("solo")]
    first = run(store, *cases)
    assert first.accounts == {"made": 9}
    seen, before = newest(store), standing(store)
    again = run(store, *cases)
    assert again.accounts == {"standing": 9}
    assert newest(store) == seen
    later = run(store, *[replace(c, last_seen=NOW + 10 * DAY) for c in cases], now=NOW + 10 * DAY)
    assert later.accounts == {"renewed": 9}
    after = standing(store, NOW + 10 * DAY)
    assert {one.id for one in after} == {one.id for one in before}
    assert all(one.until > NOW + 20 * DAY for one in after)
    assert all(one.made == NOW for one in after)  # nothing of it is new


def test_another_run_recognises_a_campaign_by_its_members(store: Store) -> None:
    run(store, campaign(["a", "b", "c", "d", "e", "f"]))
    (before,) = standing(store)
    grown = campaign(["b", "c", "d", "e", "f", "g"], name="C0007", run="11ee11ee11ee11ee")
    told = run(store, grown, now=NOW + 5 * DAY)
    assert told.accounts == {"grown": 1, "renewed": 5}
    by_end = {one.until: one for one in standing(store, NOW + 5 * DAY)}
    left, same = by_end[before.until], by_end[max(by_end)]
    assert same.id == before.id
    assert same.members == ("b", "c", "d", "e", "f", "g")
    assert same.evidence == ("finding:11ee11ee11ee11ee/C0007",)
    assert same.made == NOW + 5 * DAY  # a gateway's own bound is to see that it grew
    assert left.members == ("a",)  # not seen again: no longer, and no shorter than was said


def test_a_policy_that_blocks_everyone_is_stopped(store: Store, tmp_path: Path) -> None:
    policy = blocks_everyone(tmp_path)
    told = run(store, *(lone(f"a{n}") for n in range(1000)), policy=policy)
    assert told.accounts == {"made": 100, "held": 900}
    assert len(standing(store)) == 100
    assert "100" in kept(store, "held")[0].why
    # not by another process, not by asking again, and not by waiting: what is held waits for a person
    again = run(store, *(lone(f"a{n}") for n in range(1000)), policy=policy)
    assert again.accounts == {"standing": 100, "waiting": 900}
    more = run(store, *(lone(f"b{n}") for n in range(10)), policy=policy)
    assert more.accounts == {"held": 10}
    hour = NOW + timedelta(minutes=59)
    tomorrow = run(store, *(lone(f"a{n}") for n in range(1000)), policy=policy, now=hour)
    assert tomorrow.accounts["waiting"] == 900


def test_the_share_of_traffic_stops_it_as_well(store: Store, tmp_path: Path) -> None:
    policy = blocks_everyone(tmp_path, new_blocks_per_hour=100_000, traffic_share=0.1)
    big = [lone(f"a{n}", traffic_share=0.03) for n in range(20)]
    assert run(store, *big, policy=policy).accounts == {"made": 3, "held": 17}
    assert "of the traffic" in kept(store, "held")[0].why


def test_members_that_join_are_counted_one_by_one(store: Store, tmp_path: Path) -> None:
    policy = blocks_everyone(tmp_path, new_blocks_per_hour=12)
    run(store, campaign([f"m{n}" for n in range(10)]), policy=policy)
    joined = campaign([f"m{n}" for n in range(15)])
    told = run(store, joined, policy=policy)
    assert told.accounts == {"held": 5, "standing": 10}
    assert members(store) == {f"m{n}" for n in range(10)}
    assert {n for one in kept(store, "held") for n in one.decision.members} == {
        f"m{n}" for n in range(10, 15)
    }


def test_what_an_allow_covers_is_spared(store: Store) -> None:
    from stillwatch.domain.decision import Subject
    from stillwatch.gateway.policy.case import Member

    allows = [
        decided("partner", effect="allow", origin="person:ann"),
        decided("192.0.2.0/24", scope="range", effect="allow", origin="person:ann"),
        decided("acme", scope="organisation", effect="allow", origin="person:ann"),
    ]
    with store.begin() as connection:
        decisions.add(connection, allows, by="ann", now=NOW)
    carried = campaign(
        3,
        members=(
            Member("partner", 1),
            Member("there", 1, (Subject.of("range", "192.0.2.77"),)),
            Member("theirs", 1, (Subject.of("organisation", "acme"),)),
            Member("else", 1, (Subject.of("range", "198.51.100.7"),)),
        ),
        accounts=6,
    )
    told = run(store, lone("partner"), carried)
    assert told.accounts == {"made": 1, "spared": 4}
    assert members(store) == {"else"}


def test_what_a_person_lifted_stays_lifted_and_is_asked_about_once(store: Store) -> None:
    run(store, lone("a"))
    (made,) = standing(store)
    at = NOW + DAY
    with store.begin() as connection:
        decisions.lift(connection, made.id, by="ann", reason="a thesis", now=at)
    # another run over the same traffic
    other = lone("a", evidence=("finding:11ee11ee11ee11ee/a",))
    assert run(store, other, now=at + DAY).accounts == {"spared": 1}
    # and one that has seen it again
    later = replace(other, last_seen=at + DAY)
    assert run(store, later, now=at + 2 * DAY).accounts == {"held": 1}
    assert run(store, later, now=at + 2 * DAY).accounts == {"waiting": 1}
    (held,) = kept(store, "held")
    assert "lifted by ann" in held.why
    with store.begin() as connection:
        decisions.refuse(connection, held.decision.id, by="ann", reason="known", now=at + 2 * DAY)
    last = replace(other, last_seen=at + 3 * DAY)
    assert run(store, last, now=at + 3 * DAY).accounts == {"spared": 1}
    assert not standing(store, at + 3 * DAY)


def test_members_of_a_lifted_campaign_are_cleared_one_by_one(store: Store) -> None:
    run(store, campaign(["a", "b", "c", "d", "e", "f"]))
    (made,) = standing(store)
    with store.begin() as connection:
        decisions.lift(connection, made.id, by="ann", reason="a class", now=NOW + DAY)
    again = campaign(["e", "f", "g", "h", "i", "j"], run="11ee11ee11ee11ee")
    assert run(store, again, now=NOW + DAY).accounts == {"made": 4, "spared": 2}
    assert members(store, NOW + DAY) == {"g", "h", "i", "j"}


def test_undone_evidence_decides_nothing_again(store: Store) -> None:
    run(store, campaign(8))
    with store.begin() as connection:
        decisions.undo(connection, f"finding:{RUN}/C0001", by="ann", reason="appeal", now=NOW)
    assert not standing(store)
    assert run(store, campaign(8)).accounts == {"spared": 8}
    # by another name, on the same traffic: the accounts are cleared
    assert run(store, campaign([f"C0001-{n}" for n in range(8)], run="1" * 16)).accounts == {
        "spared": 8
    }


def test_a_claim_that_was_revoked_clears_nobody_but_counts_no_more(store: Store) -> None:
    claim = "campaign--aaaaaaaa-0000-4000-8000-000000000001"
    weak = campaign(8, p_value=0.004, labs=1, evidence=(f"finding:{RUN}/C0001", claim))
    run(store, weak)
    assert [one.effect for one in standing(store)] == [Effect.BLOCK]
    with store.begin() as connection:
        decisions.undo(connection, claim, by="sync", reason="revoked", now=NOW)
    assert run(store, weak, now=NOW + 16 * DAY).accounts == {"standing": 8}  # the block, to its end
    later = NOW + 31 * DAY
    assert run(store, weak, now=later).accounts == {"made": 8}
    assert [one.effect for one in standing(store, later)] == [Effect.CHALLENGE]


def test_a_persons_decision_settles_it_and_is_not_weakened(store: Store) -> None:
    persons = [
        decided("a", origin="person:ann", evidence=["case:7"]),
        decided("b", origin="person:ann", effect="observe", evidence=["case:7"]),
    ]
    with store.begin() as connection:
        decisions.add(connection, persons, by="ann", now=NOW)
    told = run(store, lone("a"), lone("b"))
    assert told.accounts == {"settled": 1, "held": 1}
    assert {one.id for one in standing(store)} == {one.id for one in persons}


def test_a_weaker_finding_later_does_not_weaken(store: Store) -> None:
    run(store, campaign(8))
    told = run(store, campaign(8, p_value=0.04), now=NOW + DAY)
    assert told.accounts == {"standing": 8}
    assert [one.effect for one in standing(store, NOW + DAY)] == [Effect.BLOCK]


def test_enterprise_is_held_and_the_rest_of_the_campaign_is_not(store: Store) -> None:
    big = campaign(["x", "y"], access_path="enterprise", accounts=10)
    rest = campaign([f"m{n}" for n in range(8)], accounts=10)
    told = run(store, big, rest)
    assert told.accounts == {"held": 2, "made": 8}
    assert told.record()["by_population"] == [
        {"population": "enterprise", "outcome": "held", "effect": "challenge", "accounts": 2},
        {"population": "self_serve", "outcome": "made", "effect": "block", "accounts": 8},
    ]


def test_populations_under_one_rule_share_one_decision(store: Store) -> None:
    paid = campaign(["a", "b", "c"], spend_tier="high", accounts=6)
    free = campaign(["d", "e", "f"], spend_tier="free", accounts=6)
    told = run(store, paid, free)
    assert told.decisions == {"made": 1}
    (one,) = standing(store)
    assert one.reason.startswith("6 of 6 accounts of campaign C0001")


def test_a_dry_run_leaves_nothing(store: Store) -> None:
    told = run(store, lone("a"), campaign(8), dry_run=True)
    assert told.accounts == {"made": 9}
    assert not standing(store)
    with store.begin() as connection:
        assert not decisions.acts(connection)


def test_shadow_says_and_does_not_do_and_is_armed_within_bounds(
    store: Store, tmp_path: Path
) -> None:
    policy = blocks_everyone(tmp_path, new_blocks_per_hour=30)
    cases = [lone(f"a{n}") for n in range(40)]
    told = run(store, *cases, policy=policy, shadow=True)
    assert told.accounts == {"made": 40}
    assert sum("would be held" in one.why for one in told.outcomes) == 10
    assert all(one.shadow for one in standing(store))
    allow = decided("a3", effect="allow", origin="person:ann")
    with store.begin() as connection:
        decisions.add(connection, [allow], by="ann", now=NOW)
    done = arm(store, policy, now=NOW, by="ann", reason="looked at all")
    assert (len(done.armed), len(done.held), len(done.dropped)) == (30, 9, 1)
    real = [one for one in standing(store) if not one.shadow and one.effect is Effect.BLOCK]
    assert len(real) == 30
    assert run(store, lone("new"), policy=policy).accounts == {"held": 1}


def test_real_decisions_take_over_from_shadow_ones(store: Store) -> None:
    run(store, campaign(8), lone("a"), shadow=True)
    before = {one.id for one in standing(store)}
    assert run(store, campaign(8), lone("a")).accounts == {"made": 9}
    after = standing(store)
    assert {one.id for one in after} == before
    assert not any(one.shadow for one in after)
    # and shadow never replaces what is in force
    assert run(store, campaign(8), lone("a"), shadow=True).accounts == {"standing": 9}
    assert not any(one.shadow for one in standing(store))


def test_who_appeals_stays_under_the_decision_that_waits_for_the_answer(store: Store) -> None:
    run(store, campaign(["a", "b", "c", "d", "e", "f"]))
    (made,) = standing(store)
    with store.begin() as connection:
        decisions.suspend(connection, [made.id], "appeal--1", by="ann", reason="open", now=NOW)
    run(store, campaign(["b", "c", "d", "e", "f", "g"], run="1" * 16), now=NOW + 5 * DAY)
    (one,) = standing(store, NOW + 5 * DAY)
    assert one.effect is Effect.OBSERVE
    assert set(one.members) == set("abcdefg")


def test_two_processes_share_one_radius(store: Store, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    policy = blocks_everyone(tmp_path, new_blocks_per_hour=50)
    others = [Store(store.url) for _ in range(4)]
    batches = [[lone(f"{k}-{n}") for n in range(30)] for k in range(4)]
    with ThreadPoolExecutor(4) as pool:
        told = list(
            pool.map(
                lambda two: run(two[0], *two[1], policy=policy), zip(others, batches, strict=True)
            )
        )
    for one in others:
        one.close()
    assert sum(one.accounts.get("made", 0) for one in told) == 50
    assert len(standing(store)) == 50


def test_figures_of_the_log_are_shares_of_it() -> None:
    assert campaign(10).traffic_share == 10 / LOG


def test_what_a_person_released_stands_and_is_not_held_again(store: Store) -> None:
    case = lone("corp", access_path="enterprise")
    assert run(store, case).accounts == {"held": 1}
    (held,) = kept(store, "held")
    with store.begin() as connection:
        decisions.release(connection, held.decision.id, by="ann", reason="called them", now=NOW)
    assert run(store, case).accounts == {"standing": 1}
    assert [one.id for one in standing(store)] == [held.decision.id]
    # it ends as was said, and then the person is asked again
    later = NOW + 8 * DAY
    assert run(store, case, now=later).accounts == {"held": 1}
    assert not standing(store, later)


def test_released_after_a_clearance_it_stands(store: Store) -> None:
    run(store, lone("a"))
    (made,) = standing(store)
    with store.begin() as connection:
        decisions.lift(connection, made.id, by="ann", reason="a thesis", now=NOW)
    again = lone("a", evidence=("finding:11ee11ee11ee11ee/a",), last_seen=NOW + DAY)
    assert run(store, again, now=NOW + DAY).accounts == {"held": 1}
    (held,) = kept(store, "held")
    with store.begin() as connection:
        decisions.release(connection, held.decision.id, by="ann", reason="it was", now=NOW + DAY)
    assert run(store, again, now=NOW + 2 * DAY).accounts == {"standing": 1}
    assert [one.id for one in standing(store, NOW + 2 * DAY)] == [held.decision.id]


def test_arming_leaves_to_a_person_what_the_policy_does(store: Store) -> None:
    run(store, lone("corp", access_path="enterprise"), lone("a"), shadow=True)
    done = arm(store, STANDARD, now=NOW, by="ann", reason="looked at all")
    assert [one.subject.value for one in done.armed] == ["a"]
    assert [(one.subject.value, why) for one, why in done.held] == [
        ("corp", "rule enterprise-to-a-person leaves it to a person")
    ]
    assert [one.decision.subject.value for one in kept(store, "held")] == ["corp"]


def test_an_old_result_applied_every_day_renews_nothing(store: Store) -> None:
    cases = [campaign(8), lone("a")]
    for day in range(0, 14, 4):
        run(store, *cases, now=NOW + day * DAY)
    assert {one.until for one in standing(store, NOW + 13 * DAY)} == {
        NOW + 30 * DAY,
        NOW + 14 * DAY,
    }


def test_what_no_database_keeps_is_kept_out_of_reasons(store: Store) -> None:
    run(store, lone("a", sentence="calls \x00 and \ud800 as its tool"), lone("b"))
    assert {one.subject.value for one in standing(store)} == {"a", "b"}
