"""An evaluator's ledger on a database of each kind."""

from collections.abc import Iterator

import pytest

from stillwatch.hub.database import Database
from stillwatch.hub.evaluator.schema import initialise, opened
from tests.databases import database_url

__all__ = ["database_url"]


@pytest.fixture
def ledger_database(database_url: str) -> Iterator[Database]:
    assert initialise(database_url)
    database = opened(database_url)
    yield database
    database.close()
