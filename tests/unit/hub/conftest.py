import pytest
from sqlalchemy import create_engine

from stillwatch.hub.schema import metadata
from tests.governed import world as begin


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def world(connection):
    return begin(connection)
