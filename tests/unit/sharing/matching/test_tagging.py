"""Identifiers become rows that open, once, for claims that stand; packs leave whole and in order."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from stillwatch.crypto.keys import SigningKey
from stillwatch.domain.claim import StixId, TagsClaim
from stillwatch.domain.identifier import Identifier, Kind, NormalForm, oprf_input
from stillwatch.errors import EmptyInput, InputError, PeerError
from stillwatch.intel.packform import PackLimits
from stillwatch.intel.policy.check import check_claim
from stillwatch.intel.stix import from_stix
from stillwatch.sharing import acts
from stillwatch.sharing.drafts import keep
from stillwatch.sharing.matching import packing, tagging
from stillwatch.sharing.matching.actors import Seen, draft, grouped
from stillwatch.sharing.matching.outgoing import prepare
from stillwatch.sharing.matching.pack import parse
from stillwatch.sharing.matching.record import open_row
from stillwatch.store import outbox
from stillwatch.store import tagging as kept
from stillwatch.store.database import Store
from stillwatch.store.outbox import Sent
from tests.sharers import KEY, settings_at
from tests.taggers import InProcess

TODAY = datetime.now(UTC).date()
SEEN = Seen(TODAY - timedelta(days=20), TODAY - timedelta(days=2), 80, tactic="rubric-grading")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    yield opened
    opened.close()


def email(name: str) -> Identifier:
    return Identifier(Kind.EMAIL, NormalForm(f"{name}@mail.test"))


def address(last: int) -> Identifier:
    return Identifier(Kind.IP4, NormalForm(f"192.0.2.{last}"))
