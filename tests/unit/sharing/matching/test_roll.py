"""Who may ask an evaluator: members of the verified log, each once, whatever the hub says of states."""

from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import VerifierKey
from stillwatch.crypto.statements import KeyRing
from stillwatch.sharing.known import Known
from stillwatch.sharing.matching.roll import members
from tests.epochs import member

AT = "2026-11-01T12:00:00.000Z"
ALPHA, BETA, PSEUDONYM = (member(place) for place in range(3))
NAMES = {ALPHA: "alpha", BETA: "beta", member(9): "not in the log"}


def log(*said: dict) -> Known:
    ring = KeyRing()
    for index, statement in enumerate(said):
        ring = ring.apply(statement, index)
    log_key = SigningKey.generate()
    return Known(VerifierKey("hub.test/log", log_key.public), keys=ring)


def test_pseudonyms_have_no_quota_of_their_own() -> None:
    keys = [SigningKey.generate() for _ in range(3)]
    names = (ALPHA, BETA, PSEUDONYM)
    said = [statements.add(i, key, AT) for i, key in zip(names, keys, strict=True)]
    assert [one["name"] for one in members(log(*said), NAMES)] == ["alpha", "beta"]


def test_states_are_the_logs() -> None:
    old, new, other = (SigningKey.generate() for _ in range(3))
    said = [
        statements.add(ALPHA, old, AT),
        statements.rotate(ALPHA, old, new, AT),
        statements.add(BETA, other, AT),
        statements.suspend(BETA, other.id, AT),
    ]
    alpha, beta = members(log(*said), NAMES)
    assert (alpha["state"], beta["state"]) == ("active", "suspended")
    assert alpha["keys"] == [(old.public, "ended"), (new.public, "active")]
    said.append(statements.end(BETA, other.id, AT, "removed"))
    assert members(log(*said), NAMES)[1]["state"] == "removed"
