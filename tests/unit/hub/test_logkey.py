from pathlib import Path

import pytest

from stillwatch.errors import ConfigError
from stillwatch.hub.logkey import VARIABLE, create, key_path


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///hub.db", "hub.db.key"),
        ("sqlite:////var/lib/hub.db", "/var/lib/hub.db.key"),
        (
            "postgresql://u:p@db.example:5433/forum",
            "{data}/stillwatch/hub/db.example-5433-forum.key",
        ),
        ("postgresql+psycopg://u@/forum", "{data}/stillwatch/hub/local-forum.key"),
        ("postgresql://u@h/../../x", "{data}/stillwatch/hub/h-.._.._x.key"),
    ],
)
def test_the_key_lies_beside_its_database(url, path, tmp_path):
    assert key_path(url) == Path(path.format(data=tmp_path))


def test_a_named_file_comes_first(monkeypatch):
    monkeypatch.setenv(VARIABLE, "/keys/env.key")
    assert key_path("sqlite:///hub.db") == Path("/keys/env.key")
    assert key_path("sqlite:///hub.db", Path("own.key")) == Path("own.key")


def test_a_database_in_memory_needs_a_named_file():
    with pytest.raises(ConfigError, match="--key"):
        key_path("sqlite:///:memory:")


def test_the_folder_of_a_key_is_its_owners(tmp_path):
    path = tmp_path / "made" / "here" / "log.key"
    key = create(path)
    assert path.parent.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="exists"):
        create(path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="folder"):
        create(tmp_path / "file" / "log.key")
    assert key.id
