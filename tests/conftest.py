"""Fixtures shared by all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import data_folder

pytest_plugins = ["tests.databases"]

# Kernels compile on first use, so the time of a first call says nothing about the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if data_folder() is None:
        skip = pytest.mark.skip(reason="real prompts absent: set STILLWATCH_DATA to their folder")
        for item in items:
            if "real_data" in item.keywords:
                item.add_marker(skip)


@pytest.fixture
def real_data() -> Path:
    folder = data_folder()
    assert folder is not None
    return folder
