"""Settings: defaults, every setting, and mistakes named with file, place and the closest name."""

import dataclasses
from pathlib import Path

import pytest

from stillwatch.config import Config, load_config
from stillwatch.detection.judge import DetectionOptions
from stillwatch.errors import ConfigError

FULL = """
[logs]
bad_row_limit = 0.2
mapping = "ours.toml"

[engine]
workers = 3

[detection]
fdr = 0.01
hub_share = 0.2
least_campaign = 5
least_events = 10

[allow]
accounts = ["a", "b"]

[rules]
folder = "our-rules"
"""


def load(folder: Path, text: str) -> Config:
    (folder / "settings.toml").write_text(text, encoding="utf-8")
    return load_config(folder / "settings.toml")


def test_no_file_and_an_empty_file_are_the_defaults(tmp_path: Path) -> None:
    assert load_config(None) == load(tmp_path, "") == Config()


def test_every_setting_arrives(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('[columns]\naccount_id = "Customer"\n')
    config = load(tmp_path, FULL)
    assert config.bad_row_limit == 0.2
    assert config.mapping is not None
    assert config.workers == 3
    assert config.detection == DetectionOptions(0.01, 0.2, 5, 10)
    assert config.allowed == {"a", "b"}
    assert config.rules == tmp_path / "our-rules"


def test_every_option_of_detection_can_be_set(tmp_path: Path) -> None:
    for option in dataclasses.fields(DetectionOptions):
        assert load(tmp_path, f"[detection]\n{option.name} = {option.default}\n") == Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[detction]\nfdr = 0.1", r"unknown section \[detction\]; did you mean 'detection'"),
        ("[detection]\nfrd = 0.1", r"unknown setting detection.frd; did you mean 'fdr'"),
        ("[engine]\nzzz = 1", r"unknown setting engine.zzz; known: conf, fan_in, master,"),
        ("detection = 3", "detection must be a section"),
        ("[[detection]]\nfdr = 0.1", "detection must be a section"),
        ('[detection]\nfdr = "0.1"', "detection.fdr = '0.1' has the wrong type"),
        ("[detection]\nfdr = true", "detection.fdr = True has the wrong type"),
        ("[detection]\nleast_events = 2.5", "detection.least_events = 2.5 has the wrong type"),
        ("[detection]\nfdr = 2", r"detection.fdr = 2 must lie between 0 and 1"),
        ("[detection]\nfdr = nan", r"detection.fdr = nan must lie between 0 and 1"),
        ("[detection]\nhub_share = 0", "detection.hub_share = 0 must lie between 0 and 1"),
        ("[detection]\nleast_campaign = 1", "least_campaign must be at least 2"),
        ("[logs]\nbad_row_limit = -1", "bad_row_limit = -1 must lie between 0 and 1"),
        ("[engine]\nworkers = -1", "engine.workers = -1 must lie between 0 and 256"),
        ("[engine]\nworkers = 257", "engine.workers = 257 must lie between 0 and 256"),
        ("[engine]\nname = 'sprak'", "engine.name = 'sprak' is not one of local, spark"),
        ("[engine]\nname = 'spark'\nfan_in = 1", "engine.fan_in must be at least 2"),
        ("[allow]\naccounts = 'a'", "allow.accounts = 'a' has the wrong type"),
        ("[rules", "cannot be read"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load(tmp_path, text)
    assert "settings.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cluster_is_named_with_its_own_settings(tmp_path: Path) -> None:
    text = "[engine]\nname = 'spark'\nmaster = 'local[3]'\nfan_in = 9\n"
    spark = load(tmp_path, text + "conf = { 'spark.executor.memory' = '2g', 'spark.x' = 3 }").spark
    assert spark is not None
    assert (spark.master, spark.fan_in) == ("local[3]", 9)
    assert spark.conf == (("spark.executor.memory", "2g"), ("spark.x", "3"))
    assert load(tmp_path, "[engine]\nworkers = 2").spark is None


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"b\.toml cannot be read"):
        load_config(tmp_path / "b.toml")


def test_a_missing_mapping_is_looked_for_beside_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path / "ours.toml")):
        load(tmp_path, '[logs]\nmapping = "ours.toml"')
