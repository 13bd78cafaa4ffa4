"""Where an evaluator keeps its things: one folder that only its owner reads.

::

    HOME/evaluator.db            quotas, nonces and audit (unless --database says otherwise)
    HOME/members.json            who may ask
    HOME/epochs/NAME.G.json      documents of epochs, by name and generation
    HOME/shares/NAME.G.share     key shares, sealed under a passphrase
    HOME/ceremonies/NAME.G/      what a ceremony must remember between its steps

Rules: a share is used only with the document that its public half stands in; files of shares
are never overwritten, and forgotten by being overwritten with zeros first.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.epoch_document import read
from stillwatch.crypto.files import refuse_readable, write_new
from stillwatch.crypto.sealed import describe_share, open_share
from stillwatch.errors import ConfigError, InputError, StillwatchError, StoredDataError
from stillwatch.hub.evaluator.shares import Held

_MOST: Final = 65_536


@dataclass(frozen=True, slots=True)
class Home:
    """The folder."""

    path: Path

    @property
    def database(self) -> str:
        """URL of its own database."""
        return f"sqlite:///{(self.path / 'evaluator.db').absolute()}"

    @property
    def members(self) -> Path:
        """Who may ask."""
        return self.path / "members.json"

    def document(self, name: str, generation: int) -> Path:
        """Where an epoch's document lies."""
        return self.path / "epochs" / f"{name}.{generation}.json"

    def share(self, name: str, generation: int) -> Path:
        """Where a share lies."""
        return self.path / "shares" / f"{name}.{generation}.share"

    def ceremony(self, name: str, generation: int) -> Path:
        """Where a ceremony keeps its state."""
        return self.path / "ceremonies" / f"{name}.{generation}"

    def make(self) -> None:
        """Make the folders, for their owner alone. Raises ``ConfigError``."""
        try:
            for folder in (self.path, *(self.path / n for n in ("epochs", "shares", "ceremonies"))):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be made ({error.strerror})") from error

    def check(self) -> None:
        """Raise ``ConfigError`` unless the folder is there and its owner's alone."""
        if not (self.path / "shares").is_dir():
            raise ConfigError(
                f"{self.path} is no evaluator's home",
                hint="make it with `stillwatch evaluator init`",
            )
        refuse_readable(self.path, self.path.stat().st_mode, "draw new shares", "folder")

    def epochs(self) -> Iterator[Epoch]:
        """Documents that lie here."""
        for path in sorted((self.path / "epochs").glob("*.json")):
            yield Epoch.from_json(read_document(path))

    def held(self, passphrase: bytes) -> list[Held]:
        """Open all shares. Raises ``ConfigError`` or ``StoredDataError`` naming the file."""
        self.check()
        return [
            self._held(path, passphrase) for path in sorted((self.path / "shares").glob("*.share"))
        ]

    def keep_document(self, document: dict[str, Any]) -> Path:
        """Write an epoch's document; the same again is nothing new."""
        epoch = Epoch.from_json(document)
        path = self.document(epoch.name, epoch.generation)
        if path.exists():
            if Epoch.from_json(read_document(path)) != epoch:
                raise ConfigError(f"{path} says something else; nothing was overwritten")
            return path
        write_new(path, canonical(document) + b"\n")
        return path

    def forget(self, name: str, generation: int) -> Path:
        """Destroy a share. Raises ``ConfigError`` if there is none."""
        path = self.share(name, generation)
        try:
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.write(bytes(size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        except OSError as error:
            raise ConfigError(f"share {path} cannot be destroyed ({error.strerror})") from error
        return path

    def _held(self, path: Path, passphrase: bytes) -> Held:
        data = read_secret(path)
        try:
            name, generation, _ = describe_share(data)
            share = open_share(data, passphrase)
            document = read_document(self.document(name, generation))
            epoch = Epoch.from_json(document)
            sound = epoch.public_share(share.index) == share.public
        except StillwatchError as error:
            raise type(error)(f"share {path}: {error.message}", hint=error.hint) from error
        if not sound or (epoch.name, epoch.generation) != (name, generation):
            raise StoredDataError(
                f"share {path} is not the one of its epoch's document",
                hint="restore both from one backup",
            )
        return held_of(epoch, document, share)


def held_of(epoch: Epoch, document: dict[str, Any], share: Any) -> Held:
    """A share with its epoch, as it is served."""
    indices = frozenset(one.index for one in epoch.evaluators)
    return Held(
        epoch.name,
        epoch.generation,
        epoch.threshold,
        indices,
        epoch.starts,
        epoch.ends,
        share,
        canonical(document),
        urlsplit(epoch.evaluator(share.index).url).netloc.lower(),
    )


def read_document(path: Path) -> dict[str, Any]:
    """An epoch's document from a file. Raises ``StoredDataError`` naming it."""
    try:
        with path.open("rb") as file:
            return read(file.read(_MOST + 1))
    except OSError as error:
        raise StoredDataError(f"document {path} cannot be read ({error.strerror})") from error
    except InputError as error:
        raise StoredDataError(f"document {path}: {error.message}", hint=error.hint) from error


def read_secret(path: Path) -> bytes:
    """A file that only its owner may read. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            refuse_readable(path, os.fstat(file.fileno()).st_mode, "draw new shares", "file")
            data = file.read(_MOST + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from error
    if len(data) > _MOST:
        raise ConfigError(f"{path} is too long for what it should be")
    return data
