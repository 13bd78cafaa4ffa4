"""What a pull believes: nothing that breaks the field policy, and all that was lawful once."""

from collections.abc import Iterator
from dataclasses import astuple, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stillwatch.crypto.note import VerifierKey
from stillwatch.domain.claim import LegalBasis, StixId, Tlp
from stillwatch.hub.database import Database
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.board import board
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.known import NO_WITNESSES
from stillwatch.sharing.pull import Pulled, pull, unlawful
from stillwatch.sharing.settings import Settings
from stillwatch.store import decisions, inbox
from stillwatch.store.database import Store
from tests.claims import examples
from tests.decided import decided, in_force
from tests.forum import Forum
from tests.hubs import World, serving


class Reader:
    """Gamma, who follows a hub that lets through what it should not."""

    def __init__(self, forum: Forum, address: str, folder: Path) -> None:
        self.forum = forum
        self.store = Store(f"sqlite:///{folder}/share.db")
        self.key = forum.keys["gamma"]
        self.settings = Settings(
            folder / "share.toml", f"{address}/", "gamma", folder / "token",
            VerifierKey.parse(str(forum.signer.vkey)), NO_WITNESSES,
            StixId(forum.members["gamma"].identity), folder / "key", "c", Tlp.AMBER, (),
            "abuse-prevention", 60, frozenset(), LegalBasis("DE", "gdpr-6-1-f", date(2026, 10, 1)),
            6, 0.05, "",
        )  # fmt: skip

    def pull(self) -> Pulled:
        hub = Hub(self.settings.url, "gamma", self.forum.tokens["gamma"])
        try:
            return pull(hub, self.store, self.settings, self.key)
        finally:
            hub.close()

    def states(self) -> dict[str, tuple[str, float]]:
        with self.store.begin() as connection:
            at = datetime(2026, 11, 26, tzinfo=UTC)
            return {e.received.stix_id: (e.state, e.weight.value) for e in board(connection, at=at)}


@pytest.fixture
def reader(
    database: Database, key_file: Path, database_url: str, tmp_path: Path
) -> Iterator[Reader]:
    forum = Forum(database, key_file).open("alpha", "gamma")
    with serving(World(database_url, key_file)) as world:
        made = Reader(forum, world.base, tmp_path)
        yield made
        made.store.close()


def version(forum: Forum, minutes: int, **changes: object) -> dict[str, object]:
    """A version of one campaign of alpha's, whose properties may be changed."""
    claim = examples()["campaign"]
    terms = replace(
        claim.terms,
        publisher=StixId(forum.members["alpha"].identity),
        modified=claim.terms.modified.replace(minute=minutes),
    )
    return sign({**to_stix(replace(claim, terms=terms)), **changes}, forum.keys["alpha"])


def test_what_breaks_the_policy_is_kept_apart_and_told(reader: Reader) -> None:
    forum = reader.forum
    first = version(forum, 1)
    stix_id = str(first["id"])
    forum.post("alpha", [first])
    assert (reader.pull().apart, reader.states()) == ((), {stix_id: ("current", 0.75)})

    forum.post("alpha", [version(forum, 2, description="ask jane.doe@customer.example")])
    forum.say("alpha", 7)  # another one, unlawful from the start
    done = reader.pull()
    assert done.new == 0
    told = dict(done.apart)
    assert len(told) == 2
    assert [path for path, _ in told[stix_id]] == ["description"]
    assert "jane" not in str(done)
    assert reader.states() == {stix_id: ("replaced", 0.0)}
    assert reader.pull().apart == ()

    with reader.store.begin() as connection:
        inbox.rely(connection, stix_id, "a watch list")
        asked = decided(effect="challenge", evidence=[stix_id], until=4e9)
        decisions.add(connection, [asked], by="alice", now=datetime.now(UTC))
    forum.post("alpha", [version(forum, 3, description="x", revoked=True)])
    done = reader.pull()
    assert done.revoked == {stix_id: ["a watch list"]}  # taken back in whatever form
    assert [(one.claim, one.why) for one in done.fallen] == [(stix_id, "it is revoked")]
    assert reader.states() == {stix_id: ("revoked", 0.0)}
    ((claim, why, fell, stay),) = map(astuple, done.decided.undone)
    assert (claim, why, fell, stay) == (stix_id, "it is revoked", (asked.id,), 0)
    with reader.store.begin() as connection:
        assert in_force(connection, datetime.now(UTC)) == {}


def test_what_was_lawful_when_it_was_signed_stays_so() -> None:
    claim = examples()["campaign"]
    basis = replace(claim.terms.legal_basis, until=date(2026, 11, 22))
    obj = to_stix(replace(claim, terms=replace(claim.terms, legal_basis=basis)))
    assert unlawful(obj, date(2026, 12, 24)) == ()
    ended = replace(basis, until=date(2026, 11, 20))  # a day before the version
    obj = to_stix(replace(claim, terms=replace(claim.terms, legal_basis=ended)))
    ((path, reason),) = unlawful(obj, date(2026, 12, 24))
    assert path.endswith("legal_basis.basis")
    assert "has ended" in reason
    tomorrow = to_stix(claim)  # a version cannot be lawful before its time has come
    assert unlawful(tomorrow, date(2026, 11, 1))
