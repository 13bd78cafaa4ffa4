"""Identifiers become rows that open, once, for claims that stand; packs leave whole and in order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.matching.actors import Seen
from stillwatch.store.database import Store

TODAY = datetime.now(UTC).date()
SEEN = Seen(TODAY - timedelta(days=20), TODAY - timedelta(days=2), 80, tactic="rubric-sweep")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    yield opened
    opened.close()


def email(name: str) -> Identifier:
    return Identifier(Kind.EMAIL, NormalForm(f"{name}@mail.test"))


def address(last: int) -> Identifier:
    return Identifier(Kind.IP4, NormalForm(f"192.0.2.{last}"))
