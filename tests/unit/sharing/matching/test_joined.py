"""Joined campaigns: three labs' results, packs under a threshold key, and what each may conclude."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stillwatch.domain.identifier import Kind
from stillwatch.errors import PeerError
from stillwatch.sharing.matching.joined import Continuations, Continued
from stillwatch.sharing.matching.marks import identifiers
from stillwatch.sharing.matching.suspects import Group, Suspected, read
from tests.joining import LABS, Commons, claimed, identity, result
from tests.taggers import InProcess


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Suspected]:
    """Suspected groups of each lab, of its own result folder."""
    folder = tmp_path_factory.mktemp("labs")
    return {lab: read(result(lab, folder)) for lab in LABS}


@pytest.fixture
def commons(tmp_path: Path) -> Commons:
    folder = tmp_path / "tags"
    folder.mkdir()
    return Commons(folder)


def of_job(suspected: Suspected) -> Group:
    (found,) = (g for g in suspected.groups if g.stands and g.accounts[0].startswith("j-"))
    return found


def joined(found: Continuations, suspected: Suspected) -> Continued | None:
    name = of_job(suspected).name
    return next((one for one in found.groups if one.name == name), None)


def test_no_lab_finds_its_third_alone(seen: dict[str, Suspected]) -> None:
    for suspected in seen.values():
        job = of_job(suspected)
        assert len(job.accounts) == 5
        assert not job.reported


def test_three_labs_together_find_it_and_say_with_whom(
    seen: dict[str, Suspected], commons: Commons
) -> None:
    for lab in LABS:
        commons.tell(lab, seen[lab])
    for lab in LABS:
        found = joined(commons.join(lab, seen[lab]), seen[lab])
        assert found is not None
        assert set(found.promoted) == set(of_job(seen[lab]).accounts)
        assert set(found.found_with) == {identity(other) for other in LABS if other != lab}
        assert all(one.bands >= 2 and one.bands + one.prompts >= 3 for one in found.told)
        assert (found.accounts.low, found.accounts.high) == (15, 27)  # three times 5 to 9


def test_products_that_every_lab_has_are_told_but_never_promoted_by_being_alike(
    seen: dict[str, Suspected], commons: Commons
) -> None:
    """They continue elsewhere as a job does; what tells them apart is the joint test."""
    for lab in LABS:
        commons.tell(lab, seen[lab])
    promoted = [
        account
        for lab in LABS
        for one in commons.join(lab, seen[lab]).groups
        for account in one.promoted
    ]
    assert {account.split("-")[0] for account in promoted} == {"j"}


def test_who_has_nothing_in_common_learns_nothing(
    seen: dict[str, Suspected], commons: Commons
) -> None:
    commons.tell("alpha", seen["alpha"])
    stranger = replace(
        seen["beta"],
        groups=tuple(
            replace(g, bands=tuple(b[::-1] for b in g.bands), prompts=())
            for g in seen["beta"].groups
        ),
    )
    found = commons.join("beta", stranger)
    assert (found.groups, found.matched, found.ignored) == ((), 0, {})


def test_own_rows_are_no_other_lab(seen: dict[str, Suspected], commons: Commons) -> None:
    commons.tell("alpha", seen["alpha"])
    assert commons.join("alpha", seen["alpha"]).groups == ()


def test_two_equal_bands_alone_are_not_enough(seen: dict[str, Suspected], commons: Commons) -> None:
    """A lab that tells two bands of a group and nothing else is passed over, and counted."""
    job = of_job(seen["beta"])
    claim = claimed("beta", job)
    commons.stand("beta", claim)
    bands = [one for one in identifiers(job) if one.kind is Kind.SKELETON_BAND]
    ours = {one.value for one in identifiers(of_job(seen["alpha"]))}
    equal = [one for one in bands if one.value in ours]
    commons.pack("beta", commons.rows("beta", claim, equal[:2]))
    found = commons.join("alpha", seen["alpha"])
    assert joined(found, seen["alpha"]) is None
    assert found.likely == 1
    commons.pack("beta", commons.rows("beta", claim, equal[2:3]))
    assert joined(commons.join("alpha", seen["alpha"]), seen["alpha"]) is not None


@pytest.mark.parametrize("state", ["revoked", "expired", "frozen"])
def test_a_claim_that_does_not_stand_joins_nothing(
    seen: dict[str, Suspected], commons: Commons, state: str
) -> None:
    job = of_job(seen["beta"])
    claim = claimed("beta", job)
    commons.stand("beta", claim, state)
    commons.pack("beta", commons.rows("beta", claim, identifiers(job)))
    found = commons.join("alpha", seen["alpha"])
    assert found.groups == ()
    assert sum(found.ignored.values()) == found.matched + sum(found.ignored.values()) > 0


def test_rows_of_another_publisher_s_claim_join_nothing(
    seen: dict[str, Suspected], commons: Commons
) -> None:
    job = of_job(seen["beta"])
    claim = claimed("beta", job)
    commons.stand("beta", claim)
    commons.pack("gamma", commons.rows("gamma", claim, identifiers(job)))
    found = commons.join("alpha", seen["alpha"])
    assert found.groups == ()
    assert set(found.ignored) == {"its claim is not here"}


def test_marks_that_have_expired_join_nothing(seen: dict[str, Suspected], commons: Commons) -> None:
    job = of_job(seen["beta"])
    claim = claimed("beta", job)
    commons.stand("beta", claim)
    past = dict.fromkeys(("first_seen", "last_seen", "until"), date(2026, 5, 1))
    commons.pack("beta", commons.rows("beta", claim, identifiers(job), **past))
    found = commons.join("alpha", seen["alpha"])
    assert found.groups == ()
    assert set(found.ignored) == {"has expired"}


def test_one_lab_under_many_names_is_one_witness(
    seen: dict[str, Suspected], commons: Commons
) -> None:
    commons.tell("beta", seen["beta"])
    commons.tell("gamma", seen["gamma"])
    apart = joined(commons.join("alpha", seen["alpha"]), seen["alpha"])
    as_one = joined(
        commons.join("alpha", seen["alpha"], voice=lambda _: "nobody we know"), seen["alpha"]
    )
    assert apart is not None
    assert as_one is not None
    assert len(apart.told) == 2
    assert len(as_one.told) == 1


def test_a_liar_s_word_does_not_accuse_users_of_a_product(
    seen: dict[str, Suspected], commons: Commons
) -> None:
    """Beta copies the marks of a group of alpha's that is nobody's job, and claims the utmost."""
    suspected = seen["alpha"]
    plain = max((g for g in suspected.groups if g.stands), key=lambda g: g.p_value)
    claim = claimed("beta", plain, p_value=1e-6)
    commons.stand("beta", claim)
    commons.pack("beta", commons.rows("beta", claim, identifiers(plain)))
    (found,) = commons.join("alpha", suspected).groups
    assert found.name == plain.name
    assert found.promoted == ()


def test_without_a_quorum_nothing_is_said(seen: dict[str, Suspected], commons: Commons) -> None:
    commons.tell("beta", seen["beta"])
    commons.tagger = InProcess(fails_after=0)
    with pytest.raises(PeerError):
        commons.join("alpha", seen["alpha"])
