"""From what the user names to sources.

A file that stands on lines is followed, one that is written once is read when it is whole, a folder
is both; ``-`` is standard input, ``kafka`` the topic of the configuration. A source goes on where
the state says, under its full path.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stillwatch.config import Config
from stillwatch.errors import ConfigError, EmptyInput, InputError
from stillwatch.logs import ReadOptions
from stillwatch.logs.remote import is_address
from stillwatch.watch.blocks import read_options
from stillwatch.watch.folder import Folder
from stillwatch.watch.interface import Bounds, Position, Source
from stillwatch.watch.pipe import Pipe
from stillwatch.watch.rotated import LogFile
from stillwatch.watch.topic import Topic
from stillwatch.watch.whole import is_whole_kind

_TOPIC = "kafka"


def open_sources(
    names: Sequence[str],
    config: Config,
    format_: str | None,
    positions: Mapping[str, Position],
    bounds: Bounds,
) -> list[Source]:
    """Open everything that is named, each once.

    Raises ``EmptyInput`` where nothing is, ``InputError`` where a file is not there, ``ConfigError``
    where a topic is not configured.
    """
    options = read_options(format_, config.mapping)
    wanted = list(dict.fromkeys(names)) or ([_TOPIC] if config.kafka else [])
    if not wanted:
        raise EmptyInput("nothing to watch", hint="name a file, a folder, - for stdin, or kafka")
    sources: list[Source] = []
    try:
        for name in wanted:
            sources.append(_opened(name, config, options, positions, bounds))
    except BaseException:
        for source in sources:
            source.close()
        raise
    return sources


def _opened(
    name: str,
    config: Config,
    options: ReadOptions,
    positions: Mapping[str, Position],
    bounds: Bounds,
) -> Source:
    if name == "-":
        return Pipe(sys.stdin.fileno(), options, bounds, positions.get(name))
    if name == _TOPIC and not Path(name).exists():
        if config.kafka is None:
            raise ConfigError("no topic is configured", hint="name it under [kafka] in --config")
        at = positions.get(f"kafka:{config.kafka.topic}")
        return Topic(config.kafka, options, bounds, at)
    if is_address(name):
        raise InputError(f"{name} cannot be followed", hint="name a file or folder of this machine")
    path = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100  links are followed anew
    position = positions.get(str(path))
    if path.is_dir():
        return Folder(path, options, bounds, _of_kind(position, "growing"))
    if not path.exists() and position is None:
        raise InputError(f"no such file: {name}", hint="check the path")
    if path.exists() and not path.is_file():
        raise InputError(f"{name} is a pipe or a device", hint="read it by: stillwatch watch - <")
    if position is None and _is_written_once(path, options):
        return Folder(path.parent, options, bounds, only=path.name)
    if position is not None and "whole" in position:
        return Folder(path.parent, options, bounds, position, only=path.name)
    return LogFile(path, options, bounds, _of_kind(position, "parts"))


def _of_kind(position: Position | None, key: str) -> Position | None:
    """A position of another kind of source is none of this one."""
    return position if position is not None and key in position else None


def _is_written_once(path: Path, options: ReadOptions) -> bool:
    try:
        with path.open("rb") as file:
            return is_whole_kind(file.read(options.limits.head_bytes)) is True
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="check the permissions"
        ) from error
