"""Who may ask: a file that the lab's side writes from the log it has verified.

::

    {"log": "hub.example.com/log", "size": 1234, "members": [
        {"identity": "identity--…", "name": "alpha", "state": "active",
         "keys": [{"id": "<thumbprint>", "public": "<base64url>", "state": "active"}]}]}

Rules: read again whenever it changes, so that a suspension counts at once. Missing, damaged, writable
by others, too old, of another log than before or from before its last reading: nobody is
believed until that is put right, since any of these could bring back a member that was removed.
"""

import os
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.keys import check_public, key_id
from stillwatch.domain.claim import KeyId
from stillwatch.errors import InputError, StillwatchError
from stillwatch.hub.evaluator.limits import Limits

ACTIVE: Final = "active"
STATES: Final = (ACTIVE, "suspended", "removed", "ended")
_HINT: Final = "write it with `stillwatch evaluator members`"


class NoMembers(StillwatchError):
    """It is not known who takes part: everybody is refused for now."""


@dataclass(frozen=True, slots=True)
class Member:
    """Whose key it is, and whether it may ask."""

    identity: str
    name: str
    state: str
    """Of the member or, where that is active, of the key."""


@dataclass(frozen=True, slots=True)
class Roll:
    """The members as the file has them."""

    log: str
    size: int
    """Leaves of the log that it rests on."""
    keys: Mapping[KeyId, bytes] = field(default_factory=dict)
    holders: Mapping[KeyId, Member] = field(default_factory=dict)
    identities: Mapping[str, str] = field(default_factory=dict)
    """Name, or identity where there is none, by identity."""


class Members:
    """The file, as it is now."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        self._seen: tuple[int, int, int] | None = None
        self._roll: Roll | None = None
        self._wrong = ""
        self._lock = threading.Lock()

    def now(self) -> Roll:
        """The members. Raises ``NoMembers`` with what is wrong with the file."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise NoMembers(
                f"the members' file cannot be read ({error.strerror})", hint=_HINT
            ) from error
        if time.time() - found.st_mtime > self._limits.members_seconds:
            days = self._limits.members_seconds // 86_400
            raise NoMembers(f"the members' file is older than {days} days", hint=_HINT)
        mark = (found.st_mtime_ns, found.st_size, found.st_ino)
        with self._lock:
            if mark != self._seen:
                self._read(mark)
            if self._wrong or self._roll is None:
                raise NoMembers(self._wrong, hint=_HINT)
            return self._roll

    def age(self) -> float:
        """Seconds since the file was written; infinite where there is none."""
        try:
            return max(0.0, time.time() - self._path.stat().st_mtime)
        except OSError:
            return float("inf")

    def _read(self, mark: tuple[int, int, int]) -> None:
        self._seen = mark
        try:
            new = parse(self._bytes())
            before = self._roll
            if before is not None and (new.log != before.log or new.size < before.size):
                raise InputError(
                    f"the members' file is of {new.log} at {new.size}, before it was of"
                    f" {before.log} at {before.size}"
                )
        except StillwatchError as error:
            self._wrong = error.message
        else:
            self._roll, self._wrong = new, ""

    def _bytes(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o022:
                    raise InputError("the members' file can be written by others; chmod 644")
                data = file.read(self._limits.members_length + 1)
        except OSError as error:
            raise InputError(f"the members' file cannot be read ({error.strerror})") from error
        if len(data) > self._limits.members_length:
            raise InputError(
                f"the members' file is longer than {self._limits.members_length} bytes"
            )
        return data


def parse(data: bytes) -> Roll:
    """Read the file's content. Raises ``InputError`` naming the member that is wrong."""
    identities: dict[str, str] = {}
    keys: dict[KeyId, tuple[bytes, Member]] = {}
    try:
        said = orjson.loads(data)
        log, size, listed = _text(said["log"]), _number(said["size"]), list(said["members"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError("the members' file is no JSON of this form", hint=_HINT) from error
    for number, one in enumerate(listed, 1):
        try:
            identity, found = _member(one)
            _check_new(identity in identities or bool(keys.keys() & found.keys()))
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise InputError(f"the members' file, member {number}: {error}", hint=_HINT) from error
        identities[identity] = _text(one.get("name") or identity)
        keys.update(found)
    publics = {id_: public for id_, (public, _) in keys.items()}
    holders = {id_: holder for id_, (_, holder) in keys.items()}
    return Roll(log, size, publics, holders, identities)


def written(log: str, size: int, members: list[dict[str, Any]]) -> bytes:
    """Content of the file; refuses what ``parse`` would."""
    data = orjson.dumps({"log": log, "size": size, "members": members}, option=orjson.OPT_INDENT_2)
    parse(data)
    return data + b"\n"


def listed_key(public: bytes, state: str) -> dict[str, str]:
    """A key as the file has it."""
    return {"id": key_id(public), "public": b64url(public), "state": state}


def _member(one: Any) -> tuple[str, dict[KeyId, tuple[bytes, Member]]]:
    identity, state = _text(one["identity"]), _state(one["state"])
    name = _text(one.get("name") or identity)
    keys: dict[KeyId, tuple[bytes, Member]] = {}
    for key in one["keys"]:
        public = unb64url(_text(key["public"]))
        check_public(public)
        if key["id"] != key_id(public):
            raise ValueError(f"{_text(key['id'])} is not the thumbprint of its key")
        own = _state(key["state"])
        keys[key_id(public)] = (public, Member(identity, name, own if state == ACTIVE else state))
    return identity, keys


def _check_new(known: bool) -> None:
    if known:
        raise ValueError("the member or a key of it stands there twice")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise TypeError("a text of 1 to 200 characters is missing")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("a size is missing")
    return value


def _state(value: Any) -> str:
    if value not in STATES:
        raise ValueError(f"state is one of {', '.join(STATES)}")
    return str(value)
