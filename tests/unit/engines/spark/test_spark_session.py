"""What is missing or cannot be reached is said in one line, before anything is started."""

import socket
import sys
from pathlib import Path

import pytest

from stillwatch.engines.spark import session
from stillwatch.engines.spark.options import SparkOptions
from stillwatch.errors import ConfigError, PeerError
from tests.clusters import needs_spark


def test_without_pyspark_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with (
        pytest.raises(ConfigError, match=r"pip install 'stillwatch\[spark\]', and Java 17"),
        session.opened(SparkOptions()),
    ):
        raise AssertionError


@needs_spark
@pytest.mark.parametrize("home", ["", "nowhere"])
def test_without_java_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / home) if home else "")
    with pytest.raises(ConfigError, match="Spark needs Java, and there is none"):
        session.require()


@needs_spark
def test_a_master_that_is_not_there_is_told_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = SparkOptions(master=f"spark://127.0.0.1:{port}")
    with (
        pytest.raises(PeerError, match=f"127.0.0.1:{port} cannot be reached: Connection refused"),
        session.opened(options),
    ):
        raise AssertionError


def test_settings_of_the_user_win_and_one_machine_listens_to_itself() -> None:
    settings = session._settings("local-cluster[2,1,1024]", {"spark.app.name": "ours"})
    assert settings["spark.app.name"] == "ours"
    assert settings["spark.driver.bindAddress"] == "127.0.0.1"
    far = session._settings("spark://host:7077", {})
    assert "spark.driver.bindAddress" not in far
    assert "spark.pyspark.python" not in far
    assert "spark.master" not in session._settings(None, {})
