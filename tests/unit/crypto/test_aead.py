"""The AEAD opens what it sealed and nothing else; draft-irtf-cfrg-xchacha-03, A.3.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto import aead
from stillwatch.errors import NotTrusted

_KEYS = st.binary(min_size=32, max_size=32)
_NONCES = st.binary(min_size=24, max_size=24)


def test_the_vector_of_the_draft() -> None:
    plain = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        b"future, sunscreen would be it."
    )
    context = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    key = bytes(range(0x80, 0xA0))
    nonce = bytes(range(0x40, 0x58))
    sealed = aead.seal(key, nonce, plain, context)
    assert sealed.hex() == (
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
        "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
        "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52e"
        "c0875924c1c7987947deafd8780acf49"
    )
    assert aead.open_sealed(key, nonce, sealed, context) == plain


@given(_KEYS, _NONCES, st.binary(max_size=300), st.binary(max_size=60), st.data())
def test_a_changed_bit_opens_nothing(
    key: bytes, nonce: bytes, plain: bytes, context: bytes, data: st.DataObject
) -> None:
    sealed = aead.seal(key, nonce, plain, context)
    assert len(sealed) == len(plain) + aead.MAC_BYTES
    assert aead.open_sealed(key, nonce, sealed, context) == plain
    parts = [key, nonce, sealed, context + b"!"]
    which = data.draw(st.integers(0, 3))
    bit = data.draw(st.integers(0, 8 * len(parts[which]) - 1))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    parts[3] = context if which != 3 else bytes(changed)
    if which != 3:
        parts[which] = bytes(changed)
    with pytest.raises(NotTrusted, match="does not open"):
        aead.open_sealed(parts[0], parts[1], parts[2], parts[3])


def test_lengths_are_checked() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        aead.seal(bytes(31), bytes(24), b"", b"")
    with pytest.raises(ValueError, match="nonce 24"):
        aead.open_sealed(bytes(32), bytes(12), bytes(16), b"")
    with pytest.raises(NotTrusted, match="too short"):
        aead.open_sealed(bytes(32), bytes(24), bytes(15), b"")
