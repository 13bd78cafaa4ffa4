import pytest

from stillwatch.hub.logkey import signer
from tests.governed import world as begin


@pytest.fixture
def connection(database):
    """A transaction on an initialised hub of each kind of database."""
    with database.write() as connection:
        yield connection


@pytest.fixture
def world(connection, made):
    return begin(connection, signer(connection, made.key_file))
