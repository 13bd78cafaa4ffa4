"""Marks: what of a suspected group waits for tagging, and the claim that speaks of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stillwatch.domain.claim import CampaignClaim
from stillwatch.domain.identifier import Kind, RawIdentifier
from stillwatch.intel.policy.check import check_claim
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import from_stix
from stillwatch.sharing.identifiers import normalise
from stillwatch.sharing.matching.marks import SUSPICION, Told, draft, identifiers, tellable
from stillwatch.sharing.matching.suspects import Group, Suspected
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox, tagging
from stillwatch.store.database import Store
from tests.unit.sharing.test_publish import KEY
from tests.unit.sharing.test_publish import settings as made_settings

NOW = datetime.now(UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return made_settings("https://hub.example", tmp_path)


def group(name: str = "S0001", **changes: Any) -> Group:
    made = Group(
        name, False, True, 0.0137, tuple(f"{name}-{n}" for n in range(7)), 312,
        NOW - timedelta(days=14), NOW - timedelta(days=1),
        tuple(f"{n:032x}" for n in range(1, 33)), ("00000000000000ff", "0000000000000100"),
    )  # fmt: skip
    return replace(made, **changes)


def suspected(*groups: Group) -> Suspected:
    return Suspected(groups, 0.05, 6, 0.1, 300, 0, 0, 0, 0)


def drafted(store: Store, settings: Settings, *groups: Group) -> Told:
    with store.begin() as connection:
        told = draft(suspected(*groups), settings, connection, store.secret, "a result")
        for one in told.drafts:
            outbox.put(connection, one)
    return told


def test_a_suspected_group_becomes_a_claim_of_little_confidence(
    store: Store, settings: Settings
) -> None:
    (made,) = drafted(store, settings, group()).drafts
    claim = from_stix(made.body)
    assert isinstance(claim, CampaignClaim)
    assert claim.terms.confidence <= SUSPICION
    assert claim.p_value == 0.02  # up
    assert (claim.accounts.low, claim.exchanges.low) == (5, 200)
    assert not list(check_claim(sign(made.body, KEY)))
    assert "S0001-0" not in str(made.body)


def test_marks_wait_behind_their_claim(store: Store, settings: Settings) -> None:
    (made,) = drafted(store, settings, group()).drafts
    with store.begin() as connection:
        assert tagging.kinds(connection, made.stix_id) == {"prompt": 2, "skeleton-band": 32}


def test_the_same_accounts_keep_their_claim(store: Store, settings: Settings) -> None:
    (first,) = drafted(store, settings, group()).drafts
    (again,) = drafted(store, settings, group(p_value=0.001)).drafts
    assert first.stix_id == again.stix_id
    with store.begin() as connection:
        assert tagging.holders(connection) == [first.stix_id]


def test_a_campaign_that_was_claimed_keeps_its_claim_and_gets_marks(
    store: Store, settings: Settings
) -> None:
    found = group("C0001", reported=True)
    (first,) = drafted(store, settings, found).drafts
    again = drafted(store, settings, found)
    assert again.drafts == ()
    assert again.marks == 34
    claim = from_stix(first.body)
    assert claim.terms.confidence == settings.confidence


def test_overlapping_groups_and_those_without_bands_stay(store: Store, settings: Settings) -> None:
    told = drafted(
        store, settings, group(), group("S0002", stands=False), group("S0003", bands=("00" * 16,))
    )
    assert len(told.drafts) == 1
    assert len(told.left) == 2
    assert [g.name for g in tellable(suspected(group()))[0]] == ["S0001"]


def test_marks_are_in_the_normal_form_of_their_kinds() -> None:
    for one in identifiers(group()):
        assert normalise(one.kind, RawIdentifier(str(one.value).upper())) == (one,)
    kinds = [one.kind for one in identifiers(group())]
    assert kinds.count(Kind.SKELETON_BAND) == 32
    assert kinds.count(Kind.PROMPT) == 2
