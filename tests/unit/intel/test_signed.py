"""The signature covers everything but itself."""

import pytest

from stillwatch.crypto.jws import verify_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import InputError, NotTrusted
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.signed import sign, signature, signing_input, unsigned

KEY = SigningKey.from_seed(bytes(range(32)))
OBJ = {"type": "campaign", "name": "x", "extensions": {CLAIM: {"kind": "campaign"}}}


def test_signed_and_verified_without_touching_the_original():
    said = sign(OBJ, KEY)
    verify_detached(signature(said), signing_input(said), KEY.public)
    assert "signature" not in OBJ["extensions"][CLAIM]
    assert unsigned(said) == OBJ


def test_signing_again_replaces():
    other = SigningKey.from_seed(bytes(32))
    again = sign(sign(OBJ, other), KEY)
    assert again == sign(OBJ, KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "y"},
        {"unknown": 1},
        {"extensions": {CLAIM: {"kind": "actor"}}},
        {"extensions": {CLAIM: {"kind": "campaign"}, "extension-definition--x": {}}},
    ],
)
def test_any_other_change_breaks_it(change):
    with pytest.raises(NotTrusted):
        verify_detached(signature(sign(OBJ, KEY)), signing_input({**OBJ, **change}), KEY.public)


def test_the_input_is_canonical():
    assert signing_input(OBJ) == (
        b'{"extensions":{"'
        + CLAIM.encode()
        + b'":{"kind":"campaign"}},"name":"x","type":"campaign"}'
    )


@pytest.mark.parametrize("obj", [{}, {"extensions": 1}, {"extensions": {CLAIM: []}}])
def test_no_claim(obj):
    with pytest.raises(InputError, match="no claim"):
        signing_input(obj)


@pytest.mark.parametrize("value", [None, 5, ["a"]])
def test_no_signature(value):
    with pytest.raises(NotTrusted, match="no signature"):
        signature({"extensions": {CLAIM: {"signature": value}}})
