"""Vectors of RFC 8037 (appendix A) and RFC 8032 (section 7.1)."""

import binascii
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from stillwatch.crypto.encoding import b64, b64url, unb64, unb64url
from stillwatch.crypto.keys import SigningKey, check_public, from_jwk, key_id, to_jwk, verify
from stillwatch.errors import ConfigError, InputError, NotTrusted

SEED = unb64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


def test_the_thumbprint_of_rfc_8037():
    key = SigningKey.from_seed(SEED)
    assert b64url(key.public) == X
    assert key.id == key_id(key.public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_signature_of_rfc_8032_test_2():
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = SigningKey.from_seed(seed)
    signature = key.sign(b"\x72")
    assert signature.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    verify(key.public, signature, b"\x72")


def test_another_library_finds_the_same_thumbprint():
    key = SigningKey.generate()
    assert OKPKey.import_key(to_jwk(key.public)).thumbprint() == key.id


@given(st.binary(min_size=1), st.integers(0, 511))
def test_a_flipped_bit_spoils_a_signature(message, bit):
    key = SigningKey.from_seed(SEED)
    signature = bytearray(key.sign(message))
    verify(key.public, bytes(signature), message)
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotTrusted, match=key.id):
        verify(key.public, bytes(signature), message)


def test_a_key_file_is_for_its_owner_only_and_never_overwritten(tmp_path):
    key, path = SigningKey.generate(), tmp_path / "key.pem"
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).public == key.public
    with pytest.raises(ConfigError, match="exists"):
        SigningKey.generate().save(path)
    assert SigningKey.load(path).id == key.id


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_key_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "key.pem"
    SigningKey.generate().save(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="read by others"):
        SigningKey.load(path)


def test_foreign_key_files_are_refused(tmp_path):
    path = tmp_path / "key.pem"
    with pytest.raises(ConfigError, match="cannot be read"):
        SigningKey.load(path)
    path.touch(0o600)
    with pytest.raises(ConfigError, match="PKCS #8"):
        SigningKey.load(path)
    elliptic = generate_private_key(SECP256R1())
    path.write_bytes(elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError, match="no Ed25519 key"):
        SigningKey.load(path)
    with pytest.raises(ConfigError, match="cannot be written"):
        SigningKey.generate().save(tmp_path / "absent" / "key.pem")


def test_a_key_does_not_show_its_secret():
    key = SigningKey.from_seed(SEED)
    assert repr(key) == f"SigningKey({key.id})"


P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def _small_order_points():
    """All points whose order divides 8, found by doubling random points' multiples of l."""
    order = 2**252 + 27742317777372353535851937790883648493
    found, y = set(), 2
    while len(found) < 8:
        x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(x2, (P + 3) // 8, P)
        if x * x % P != x2:
            x = x * pow(2, (P - 1) // 4, P) % P
        if x * x % P == x2:
            for sign in (x, -x % P):
                found.add(_multiply(order, (sign, y)))
        y += 1
    return found


def _multiply(scalar, point):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point, scalar = _add(point, point), scalar >> 1
    return result


def _add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P,
    )


def test_points_of_small_order_are_no_keys():
    points = _small_order_points()
    assert len(points) == 8
    for x, y in points:
        encoded = (y | (x & 1) << 255).to_bytes(32, "little")
        with pytest.raises(InputError, match="small order"):
            check_public(encoded)
    for y in (P, P + 1, 2**255 - 1):
        with pytest.raises(InputError, match="not canonical"):
            check_public(y.to_bytes(32, "little"))


@pytest.mark.parametrize(
    ("jwk", "message"),
    [
        ("x", "JWK"),
        ({"kty": "OKP", "crv": "Ed25519"}, "kty, crv and x only"),
        ({**to_jwk(SEED), "d": "secret"}, "kty, crv and x only"),
        ({"kty": "OKP", "crv": "X25519", "x": X}, "crv Ed25519"),
        ({"kty": "OKP", "crv": "Ed25519", "x": X + "="}, "base64url"),
        ({"kty": "OKP", "crv": "Ed25519", "x": X[:-1] + "p"}, "base64url"),
        ({"kty": "OKP", "crv": "Ed25519", "x": X[:-3]}, "32 bytes"),
    ],
)
def test_unsound_keys_are_refused(jwk, message):
    with pytest.raises(InputError, match=message):
        from_jwk(jwk)


def test_a_key_survives_its_jwk():
    key = SigningKey.generate()
    assert from_jwk(to_jwk(key.public)) == key.public


@given(st.binary())
def test_base64_has_one_spelling(data):
    assert unb64(b64(data)) == data
    assert unb64url(b64url(data)) == data


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ==\n", "Q Q==", "é", "QQ==QQ==", "-_8="])
def test_other_spellings_of_base64_are_refused(text):
    with pytest.raises(binascii.Error):
        unb64(text)


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "+/8", "Q\nQ", "ü"])
def test_other_spellings_of_base64url_are_refused(text):
    with pytest.raises(binascii.Error):
        unb64url(text)
