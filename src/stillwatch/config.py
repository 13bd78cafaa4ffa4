"""One TOML file, turned into each room's own frozen options. No room imports this one.

::

    [logs]
    bad_row_limit = 0.01          # share of unreadable rows that stops a run
    bad_file_limit = 0.01         # share of damaged files above which a run stops; 0: none may be
    mapping = "our-layout.toml"   # relative to this file

    [engine]
    workers = 2                   # threads; 0 is one per core
    name = "spark"                # a cluster instead of this machine; see run-on-spark.md
    master = "spark://host:7077"
    conf = { "spark.executor.memoryOverhead" = "4g" }

    [detection]
    fdr = 0.05

    [allow]
    accounts = ["acct_17"]        # never flagged, whatever they score

    [kafka]                       # a topic that `stillwatch watch` follows
    brokers = "192.0.2.10:9092"
    topic = "requests"
    group = "stillwatch"
    start = "beginning"           # or "end", when nothing was read yet
    [kafka.options]               # librdkafka's own settings
    "security.protocol" = "SASL_SSL"

    [rules]
    folder = "our-rules"          # instead of the shipped ones
    enabled = "shared-rules"      # of other members, in use; see `stillwatch rules`

Every setting may be left out. A name that is not known is an error with the closest known one.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillwatch.detection.judge import DetectionOptions
from stillwatch.engines.spark.options import SparkOptions
from stillwatch.errors import ConfigError
from stillwatch.logs.mapping import ColumnMapping, read_mapping
from stillwatch.logs.topics import KafkaOptions
from stillwatch.places import data_folder


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a run."""

    detection: DetectionOptions = field(default_factory=DetectionOptions)
    bad_row_limit: float = 0.01
    bad_file_limit: float = 0.01
    """Share of files that may be damaged; they are left out and told."""
    mapping: ColumnMapping | None = None
    workers: int = 0
    spark: SparkOptions | None = None
    """The cluster that reads logs; None for this machine."""
    allowed: frozenset[str] = frozenset()
    """Accounts that are never flagged."""
    rules: Path | None = None
    """Folder with ``phrases/`` and ``detection/``; None for the shipped one."""
    shared_rules: Path = field(default_factory=lambda: data_folder() / "rules")
    """Folder of other members' rules that are in use."""
    kafka: KafkaOptions | None = None
    """The topic that ``watch`` follows."""


ENGINES = ("local", "spark")

_SECTIONS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "logs": {"bad_row_limit": (int, float), "bad_file_limit": (int, float), "mapping": str},
    "engine": {
        "workers": int,
        "name": str,
        "master": str,
        "conf": dict,
        "split_bytes": int,
        "fan_in": int,
        "merge_tasks": int,
    },
    "detection": {
        f.name: (int, float) if isinstance(f.default, float) else int
        for f in dataclasses.fields(DetectionOptions)
    },
    "allow": {"accounts": list},
    "kafka": {"brokers": str, "topic": str, "group": str, "start": str, "options": dict},
    "rules": {"folder": str, "enabled": str},
}


def load_config(path: Path | None) -> Config:
    """Settings of a file, or the defaults. Raises ``ConfigError`` naming file and setting."""
    if path is None:
        return Config()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"configuration {path} cannot be read: {error}") from error
    _check(data, path)
    logs, allow = data.get("logs", {}), data.get("allow", {})
    rules, shared = (data.get("rules", {}).get(name) for name in ("folder", "enabled"))
    return Config(
        detection=_detection(data.get("detection", {}), path),
        bad_row_limit=_share(logs.get("bad_row_limit", 0.01), "logs.bad_row_limit", path),
        bad_file_limit=_share_or_none(
            logs.get("bad_file_limit", 0.01), "logs.bad_file_limit", path
        ),
        mapping=read_mapping(path.parent / logs["mapping"]) if "mapping" in logs else None,
        workers=_workers(data.get("engine", {}).get("workers", 0), path),
        spark=_spark(data.get("engine", {}), path),
        allowed=frozenset(map(str, allow.get("accounts", []))),
        rules=path.parent / rules if rules else None,
        shared_rules=path.parent / shared if shared else data_folder() / "rules",
        kafka=_kafka(data["kafka"], path) if "kafka" in data else None,
    )


def _check(data: Mapping[str, Any], path: Path) -> None:
    for section, settings in data.items():
        if section not in _SECTIONS:
            raise _unknown(f"section [{section}]", section, _SECTIONS, path)
        if not isinstance(settings, dict):
            raise ConfigError(f"{path}: {section} must be a section, [{section}]")
        known = _SECTIONS[section]
        for name, value in settings.items():
            if name not in known:
                raise _unknown(f"setting {section}.{name}", name, known, path)
            if not isinstance(value, known[name]) or isinstance(value, bool):
                raise ConfigError(f"{path}: {section}.{name} = {value!r} has the wrong type")


def _unknown(what: str, name: str, known: Iterable[str], path: Path) -> ConfigError:
    close = difflib.get_close_matches(name, list(known), 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    return ConfigError(f"{path}: unknown {what}", hint=hint)


def _detection(settings: Mapping[str, Any], path: Path) -> DetectionOptions:
    _share(settings.get("fdr", 0.05), "detection.fdr", path)
    _share(settings.get("hub_share", 0.1), "detection.hub_share", path)
    if settings.get("least_campaign", 3) < 2:
        raise ConfigError(f"{path}: detection.least_campaign must be at least 2")
    return DetectionOptions(**settings)


def _share(value: float, name: str, path: Path) -> float:
    if not 0 < value < 1:
        raise ConfigError(f"{path}: {name} = {value} must lie between 0 and 1")
    return float(value)


def _share_or_none(value: float, name: str, path: Path) -> float:
    return _share(value, name, path) if value else 0.0


def _kafka(settings: Mapping[str, Any], path: Path) -> KafkaOptions:
    for name in ("brokers", "topic"):
        if not settings.get(name):
            raise ConfigError(f"{path}: [kafka] names no {name}")
    if settings.get("start", "beginning") not in ("beginning", "end"):
        raise ConfigError(f"{path}: kafka.start is 'beginning' or 'end'")
    more = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in settings.get("options", {}).items()
    }
    return KafkaOptions(**{**settings, "options": more})


def _spark(settings: Mapping[str, Any], path: Path) -> SparkOptions | None:
    name = settings.get("name", "local")
    if name not in ENGINES:
        raise ConfigError(f"{path}: engine.name = {name!r} is not one of {', '.join(ENGINES)}")
    least = {"split_bytes": 1 << 16, "fan_in": 2, "merge_tasks": 0}
    for each, bound in least.items():
        if settings.get(each, bound) < bound:
            raise ConfigError(f"{path}: engine.{each} must be at least {bound}")
    conf = tuple((each, str(value)) for each, value in settings.get("conf", {}).items())
    cut = {each: settings[each] for each in least if each in settings}
    return SparkOptions(settings.get("master"), conf, **cut) if name == "spark" else None


def _workers(value: int, path: Path) -> int:
    if not 0 <= value <= 256:
        raise ConfigError(f"{path}: engine.workers = {value} must lie between 0 and 256")
    return value
