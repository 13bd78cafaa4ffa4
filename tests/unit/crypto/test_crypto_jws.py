"""RFC 8037 appendix A.4, and joserfc as an independent implementation."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as other
from joserfc.jwk import OKPKey

from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.jws import sign_detached, signer, verify_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import NotTrusted

SEED = unb64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
KEY = SigningKey.from_seed(SEED)
PAYLOAD = b"Example of Ed25519 signing"


def test_the_key_signs_the_input_of_rfc_8037_as_it_says():
    signing_input = b"eyJhbGciOiJFZERTQSJ9." + b64url(PAYLOAD).encode()
    assert b64url(KEY.sign(signing_input)) == (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


@given(st.binary(max_size=200))
def test_joserfc_verifies_what_we_sign_and_we_what_it_signs(payload):
    jwk = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": b64url(KEY.public), "d": b64url(SEED)}
    )
    ours = sign_detached(payload, KEY)
    header, _, signature = ours.partition("..")
    compact = f"{header}.{b64url(payload)}.{signature}"
    assert other.deserialize_compact(compact, jwk, algorithms=["Ed25519"]).payload == payload
    theirs = other.serialize_compact(
        {"kid": KEY.id, "alg": "Ed25519"}, payload, jwk, algorithms=["Ed25519"]
    )
    header, _, signature = theirs.split(".")
    verify_detached(f"{header}..{signature}", payload, KEY.public)


@given(st.binary(max_size=60), st.data())
def test_another_payload_key_or_signature_is_refused(payload, data):
    signature = sign_detached(payload, KEY)
    assert signer(signature) == KEY.id
    with pytest.raises(NotTrusted):
        verify_detached(signature, payload + b"x", KEY.public)
    with pytest.raises(NotTrusted, match="names key"):
        verify_detached(signature, payload, SigningKey.generate().public)
    at = data.draw(st.integers(0, len(signature) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda c: c != signature[at]))
    with pytest.raises(NotTrusted):
        verify_detached(signature[:at] + letter + signature[at + 1 :], payload, KEY.public)


def _with_header(header: str) -> str:
    encoded = b64url(header.encode())
    return f"{encoded}..{b64url(KEY.sign(f'{encoded}.{b64url(PAYLOAD)}'.encode()))}"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (f'{{"alg":"EdDSA","kid":"{KEY.id}"}}', "algorithm 'EdDSA'"),
        (f'{{"alg":"none","kid":"{KEY.id}"}}', "algorithm 'none'"),
        (f'{{"alg":"Ed25519","alg":"none","kid":"{KEY.id}"}}', "given twice"),
        ('{"alg":"Ed25519"}', "alg and kid only"),
        (f'{{"alg":"Ed25519","kid":"{KEY.id}","b64":false,"crit":["b64"]}}', "alg and kid only"),
        (json.dumps({"alg": "Ed25519", "kid": KEY.id, "jwk": {}}), "alg and kid only"),
        ('{"alg":"Ed25519","kid":7}', "algorithm"),
        ('{"alg":', "no detached JWS"),
        ("[]", "alg and kid only"),
    ],
)
def test_no_other_header_is_read(header, message):
    with pytest.raises(NotTrusted, match=message):
        verify_detached(_with_header(header), PAYLOAD, KEY.public)


@pytest.mark.parametrize("text", ["", "a.b.c", "..", "x" * 600 + "..", "e30..AA", "é..é"])
def test_what_is_no_detached_signature_is_refused(text):
    with pytest.raises(NotTrusted):
        signer(text)


def test_white_space_and_order_of_the_header_do_not_matter():
    verify_detached(_with_header(f'{{ "kid":"{KEY.id}", "alg":"Ed25519"}}'), PAYLOAD, KEY.public)
