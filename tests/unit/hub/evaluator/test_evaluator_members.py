"""The members' file: read again when it changes, and nobody is believed when it cannot be."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import InputError
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.members import Members, NoMembers, listed_key, parse, written

ALPHA, BETA = SigningKey.from_seed(bytes(32)), SigningKey.from_seed(bytes([1]) * 32)


def member(
    name: str, key: SigningKey, state: str = "active", own: str = "active"
) -> dict[str, Any]:
    return {
        "identity": f"identity--{name}",
        "name": name,
        "state": state,
        "keys": [listed_key(key.public, own)],
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "members.json"
    place.write_bytes(written("hub.test/log", 9, [member("alpha", ALPHA), member("beta", BETA)]))
    place.chmod(0o644)
    return place


def test_the_file_says_who_holds_a_key(path: Path) -> None:
    roll = Members(path, Limits()).now()
    assert (roll.log, roll.size) == ("hub.test/log", 9)
    assert roll.keys[ALPHA.id] == ALPHA.public
    assert roll.holders[BETA.id].identity == "identity--beta"
    assert roll.identities == {"identity--alpha": "alpha", "identity--beta": "beta"}


@pytest.mark.parametrize("state", ["suspended", "removed", "ended"])
def test_a_change_counts_at_once(path: Path, state: str) -> None:
    members = Members(path, Limits())
    assert members.now().holders[ALPHA.id].state == "active"
    path.write_bytes(written("hub.test/log", 10, [member("alpha", ALPHA, state)]))
    assert members.now().holders[ALPHA.id].state == state
    assert BETA.id not in members.now().holders
    path.write_bytes(written("hub.test/log", 11, [member("alpha", ALPHA, own=state)]))
    assert members.now().holders[ALPHA.id].state == state


@pytest.mark.parametrize(
    ("log", "size"), [("hub.test/log", 8), ("other.test/log", 9)], ids=["older", "another log"]
)
def test_a_file_from_before_brings_nobody_back(path: Path, log: str, size: int) -> None:
    members = Members(path, Limits())
    members.now()
    path.write_bytes(written(log, size, [member("alpha", ALPHA)]))
    for _ in range(2):
        with pytest.raises(NoMembers, match="before it was"):
            members.now()
    path.write_bytes(written("hub.test/log", 12, [member("alpha", ALPHA)]))
    assert ALPHA.id in members.now().holders


def test_no_file_nobody(path: Path) -> None:
    members = Members(path, Limits())
    members.now()
    path.unlink()
    with pytest.raises(NoMembers, match="cannot be read"):
        members.now()
    assert members.age() == float("inf")


def test_a_file_that_others_may_write_is_not_believed(path: Path) -> None:
    path.chmod(0o666)
    with pytest.raises(NoMembers, match="written by others"):
        Members(path, Limits()).now()


def test_an_old_file_is_not_believed(path: Path) -> None:
    os.utime(path, (1, 1))
    with pytest.raises(NoMembers, match="older than 7 days"):
        Members(path, Limits()).now()


def test_a_file_without_end_is_not_read(path: Path) -> None:
    with pytest.raises(NoMembers, match="longer"):
        Members(path, Limits(members_length=100)).now()


def _changed(**values: object) -> dict[str, Any]:
    return {"log": "l", "size": 1, "members": [member("alpha", ALPHA)], **values}


@pytest.mark.parametrize(
    "said",
    [
        [],
        _changed(log=""),
        _changed(size=-1),
        _changed(size=True),
        _changed(members=None),
        _changed(members=[1]),
        _changed(members=[member("alpha", ALPHA), member("alpha", BETA)]),
        _changed(members=[member("alpha", ALPHA), member("beta", ALPHA)]),
        _changed(members=[member("alpha", ALPHA, "godlike")]),
        _changed(members=[member("alpha", ALPHA, own="godlike")]),
        _changed(members=[member("alpha", ALPHA) | {"identity": 5}]),
        _changed(members=[member("alpha", ALPHA) | {"keys": [{"id": ALPHA.id, "public": "x"}]}]),
        _changed(members=[member("a", ALPHA) | {"keys": [listed_key(bytes(32), "active")]}]),
        _changed(
            members=[
                member("a", ALPHA)
                | {"keys": [listed_key(ALPHA.public, "active") | {"id": BETA.id}]}
            ]
        ),
    ],
)
def test_a_damaged_file_is_refused_naming_the_place(said: object) -> None:
    with pytest.raises(InputError, match="members' file"):
        parse(json.dumps(said).encode())


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(InputError):
        parse(b"\xff{")
