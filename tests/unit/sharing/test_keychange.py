"""A rotation of our key that was cut off half-way ends, when it is given again, with one new key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.statements import KeyRing, add
from stillwatch.errors import ConfigError, InputError, PeerError
from stillwatch.sharing import keychange
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Sent
from tests.claims import PUBLISHER
from tests.scripted import Asked, Reply, serving
from tests.unit.sharing.test_publish import settings

OLD = SigningKey.from_seed(b"o" * 32)
AT = "2026-11-01T00:00:00.000Z"


@dataclass
class Log:
    """The hub's side: the keys that were stated, judged as every reader of the log does."""

    ring: KeyRing = field(default_factory=lambda: KeyRing().apply(add(PUBLISHER, OLD, AT), 0))
    stated: int = 1
    lost: str = ""
    """``before`` or ``after``: the next statement is lost on its way, or its answer is."""

    @property
    def kid(self) -> str:
        key = self.ring.of_identity(PUBLISHER)
        assert key is not None
        return key.id

    def reply(self, asked: Asked) -> Reply:
        if asked.path == "/v1/members/me":
            return _json({"identities": [{"identity": PUBLISHER, "kid": self.kid}]})
        lost, self.lost = self.lost, ""
        if lost != "before":
            self.ring = self.ring.apply(orjson.loads(asked.body), self.stated)
            self.stated += 1
        return Reply(b"", 503) if lost else _json({"kid": self.kid})


def _json(value: Any) -> Reply:
    return Reply(orjson.dumps(value))


@dataclass
class Lab:
    """A lab with a key, at a hub that it asks over HTTP."""

    log: Log
    settings: Settings
    store: Store
    hub: Hub

    def rotate(self) -> tuple[SigningKey, Path]:
        return keychange.rotate(self.hub, self.store, self.settings, "operator")

    def files(self) -> dict[str, str]:
        """Key files and the ids of the keys in them."""
        folder = self.settings.key_file.parent
        return {file.name: SigningKey.load(file).id for file in folder.glob("key*")}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    log = Log()
    with serving(log.reply) as server:
        mine = settings(server.url, tmp_path)
        OLD.save(mine.key_file)
        store, hub = Store(f"sqlite:///{tmp_path}/share.db"), Hub(mine.url, "alpha", "token")
        yield Lab(log, mine, store, hub)
        hub.close()
        store.close()


def _ended(lab: Lab) -> None:
    """One new key is in use, here and at the hub; the old one is kept; nothing lies about."""
    new = lab.settings.key()
    assert lab.log.kid == new.id != OLD.id
    assert lab.log.stated == 2
    assert lab.files() == {"key": new.id, f"key.{OLD.id[:12]}": OLD.id}
    with lab.store.begin() as connection:
        acts = outbox.history(connection, PUBLISHER)
    assert [(act["act"], act["detail"]) for act in acts] == [
        ("key.rotate", f"{OLD.id} -> {new.id}")
    ]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_statement_or_its_answer_that_was_lost(lab: Lab, lost: str) -> None:
    lab.log.lost = lost
    with pytest.raises(PeerError):
        lab.rotate()
    assert lab.settings.key().id == OLD.id  # what signs is unchanged until the hub has said yes
    made = lab.files()["key.new"]
    new, kept = lab.rotate()
    assert (new.id, kept.name) == (made, f"key.{OLD.id[:12]}")  # no second new key
    _ended(lab)


def test_cut_off_between_keeping_the_old_key_and_using_the_new_one(lab: Lab) -> None:
    lab.log.lost = "after"
    with pytest.raises(PeerError):
        lab.rotate()
    OLD.save(lab.settings.key_file.with_name(f"key.{OLD.id[:12]}"))
    lab.rotate()
    _ended(lab)


def test_a_rotation_that_nothing_cuts_off(lab: Lab) -> None:
    lab.rotate()
    _ended(lab)


def test_claims_without_an_answer_bear_the_old_key_so_they_go_first(lab: Lab) -> None:
    waiting = Sent("campaign--x", AT, "claims", b"{}", "sent", "")
    with lab.store.begin() as connection:
        outbox.sent(connection, lab.settings.url, [waiting])
    with pytest.raises(InputError, match="wait for the hub's answer"):
        lab.rotate()
    assert lab.files() == {"key": OLD.id}


def test_a_key_that_is_nobodys_here_is_not_replaced(lab: Lab) -> None:
    strange = SigningKey.from_seed(b"s" * 32)
    lab.log.ring = KeyRing().apply(add(PUBLISHER, strange, AT), 0)
    with pytest.raises(ConfigError, match=strange.id):
        lab.rotate()
    assert lab.settings.key().id == OLD.id
