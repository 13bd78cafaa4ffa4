import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.jws import sign_detached
from stillwatch.crypto.keys import SigningKey, to_jwk
from stillwatch.crypto.statements import (
    KeyRing,
    add,
    end,
    restore,
    rotate,
    signing_input,
    suspend,
)
from stillwatch.errors import NotTrusted

ALPHA = "identity--00000000-0000-4000-8000-00000000000a"
BETA = "identity--00000000-0000-4000-8000-00000000000b"
AT = "2026-01-02T03:04:05.000000Z"
K1, K2, K3 = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3))


def ring(*statements) -> KeyRing:
    keys = KeyRing()
    for index, statement in enumerate(statements):
        keys = keys.apply(statement, index)
    return keys


def test_a_first_key_may_sign_in_the_name_of_its_identity_only():
    keys = ring(add(ALPHA, K1, AT))
    signature = sign_detached(b"said", K1)
    assert keys.signer(signature, ALPHA).public == K1.public
    with pytest.raises(NotTrusted, match=f"is of {ALPHA}, not of {BETA}"):
        keys.signer(signature, BETA)
    with pytest.raises(NotTrusted, match="is not stated in the log"):
        keys.signer(sign_detached(b"said", K2), ALPHA)


def test_a_rotation_ends_the_key_before():
    keys = ring(add(ALPHA, K1, AT), rotate(ALPHA, K1, K2, AT))
    assert keys.signer(sign_detached(b"said", K2), ALPHA).stated == 1
    with pytest.raises(NotTrusted, match="ended since leaf 1"):
        keys.signer(sign_detached(b"said", K1), ALPHA)


def test_a_further_key_that_the_key_before_did_not_sign_is_refused():
    keys = ring(add(ALPHA, K1, AT))
    with pytest.raises(NotTrusted, match="not signed by the key before"):
        keys.apply(add(ALPHA, K2, AT), 1)
    forged = rotate(ALPHA, K2, K3, AT)
    with pytest.raises(NotTrusted, match="not stated"):
        keys.apply(forged, 1)
    other = rotate(ALPHA, K1, K2, AT) | {"replaces": K3.id}
    other |= {"proof": sign_detached(signing_input(other), K2)}
    other |= {"signature": sign_detached(signing_input(other), K1)}
    with pytest.raises(NotTrusted, match="replaced by a signature of"):
        keys.apply(other, 1)
    swapped = {**rotate(ALPHA, K1, K2, AT), "signature": sign_detached(b"else", K1)}
    with pytest.raises(NotTrusted, match="not one of key"):
        keys.apply(swapped, 1)
    with pytest.raises(NotTrusted, match="not one of key"):
        keys.apply({**rotate(ALPHA, K1, K2, AT), "at": "2027-01-01T00:00:00Z"}, 1)


def test_nobody_states_a_key_without_holding_it():
    stolen = {"action": "add", "identity": BETA, "key": to_jwk(K1.public), "at": AT}
    stolen["proof"] = sign_detached(signing_input(stolen), K2)
    with pytest.raises(NotTrusted, match="names key"):
        ring(stolen)
    with pytest.raises(NotTrusted, match="not one of key"):
        ring({**add(ALPHA, K1, AT), "identity": BETA})


def test_a_key_is_stated_once():
    keys = ring(add(ALPHA, K1, AT))
    with pytest.raises(NotTrusted, match="a second time"):
        keys.apply(add(BETA, K1, AT), 1)


def test_a_suspended_key_is_silent_until_restored():
    keys = ring(add(ALPHA, K1, AT), suspend(ALPHA, K1.id, AT))
    signature = sign_detached(b"said", K1)
    with pytest.raises(NotTrusted, match="suspended since leaf 1"):
        keys.signer(signature, ALPHA)
    with pytest.raises(NotTrusted, match="suspended since leaf 1"):
        keys.apply(rotate(ALPHA, K1, K2, AT), 2)
    with pytest.raises(NotTrusted, match="suspend of key"):
        keys.apply(suspend(ALPHA, K1.id, AT), 2)
    assert keys.apply(restore(ALPHA, K1.id, AT), 2).signer(signature, ALPHA).state == "active"


@pytest.mark.parametrize("key", [None, K1], ids=["by the hub", "by its holder"])
def test_an_ended_key_never_comes_back(key):
    keys = ring(add(ALPHA, K1, AT), end(ALPHA, K1.id, AT, "compromised", key))
    for statement in (restore(ALPHA, K1.id, AT), end(ALPHA, K1.id, AT, "retired")):
        with pytest.raises(NotTrusted, match="which is ended"):
            keys.apply(statement, 2)
    with pytest.raises(NotTrusted, match="second time"):
        keys.apply(add(ALPHA, K1, AT), 2)
    with pytest.raises(NotTrusted, match="not signed by the key before"):
        keys.apply(add(ALPHA, K2, AT), 2)
    with pytest.raises(NotTrusted, match="ended since leaf 1"):
        keys.apply(rotate(ALPHA, K1, K2, AT), 2)


def test_an_end_that_claims_to_be_signed_must_be():
    keys = ring(add(ALPHA, K1, AT))
    forged = {**end(ALPHA, K1.id, AT, "retired"), "signature": sign_detached(b"x", K1)}
    with pytest.raises(NotTrusted, match="not one of key"):
        keys.apply(forged, 1)


def test_the_hub_cannot_change_a_key_in_the_name_of_another():
    keys = ring(add(ALPHA, K1, AT), add(BETA, K2, AT))
    with pytest.raises(NotTrusted, match=f"is of {ALPHA}, not of {BETA}"):
        keys.apply(suspend(BETA, K1.id, AT), 2)
    with pytest.raises(NotTrusted, match="not stated"):
        keys.apply(suspend(BETA, K3.id, AT), 2)


GOOD = add(ALPHA, K1, AT)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (None, "has an action"),
        ([], "has an action"),
        ({"action": "grant"}, "has an action"),
        ({"action": []}, "has an action"),
        ({**GOOD, "extra": 1}, "unknown member 'extra'"),
        ({k: v for k, v in GOOD.items() if k != "proof"}, "lacks 'proof'"),
        ({**GOOD, "proof": 7}, "'proof' of a key statement must be a text"),
        ({**GOOD, "identity": "alpha"}, "no identity-- id"),
        ({**GOOD, "at": "today"}, "no STIX timestamp"),
        ({**GOOD, "key": {"kty": "RSA"}}, "JWK"),
        ({**end(ALPHA, K1.id, AT, "retired"), "reason": "because"}, "with a reason"),
    ],
)
def test_malformed_statements_are_refused(statement, message):
    with pytest.raises(NotTrusted, match=message):
        ring(statement)


@given(st.lists(st.sampled_from(["rotate", "suspend", "restore", "end"]), max_size=12))
def test_there_is_never_more_than_one_voice(actions):
    """Whatever the hub states in whatever order, at most one key speaks for an identity."""
    keys, held = ring(add(ALPHA, K1, AT)), [K1]
    for index, action in enumerate(actions, 1):
        newest = held[-1]
        fresh = SigningKey.from_seed(bytes([100 + index]) * 32)
        statement = {
            "rotate": rotate(ALPHA, newest, fresh, AT),
            "suspend": suspend(ALPHA, newest.id, AT),
            "restore": restore(ALPHA, newest.id, AT),
            "end": end(ALPHA, newest.id, AT, "retired"),
        }[action]
        try:
            keys = keys.apply(statement, index)
        except NotTrusted:
            continue
        if action == "rotate":
            held.append(fresh)
        voices = [key for key in keys.keys.values() if key.state == "active"]
        assert len(voices) <= 1
        assert keys.of_identity(ALPHA).id == held[-1].id
