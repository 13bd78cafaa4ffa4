"""A share's file opens with its passphrase only, says what it is, and cannot be changed."""

import json

import pytest

from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.ristretto import random_scalar
from stillwatch.crypto.sealed import (
    LEAST,
    MAX_FILE,
    Cost,
    describe_share,
    open_share,
    read,
    seal,
    seal_share,
)
from stillwatch.crypto.sodium import pysodium
from stillwatch.crypto.threshold import KeyShare
from stillwatch.errors import ConfigError, InputError, StoredDataError

PASSPHRASE = b"five random words in a row"
SHARE = KeyShare(2, random_scalar())
FILE = seal_share(SHARE, PASSPHRASE, "2026-q4", 3, LEAST)


def test_a_share_comes_back_with_its_passphrase_only():
    assert open_share(FILE, PASSPHRASE) == SHARE
    assert describe_share(FILE) == ("2026-q4", 3, 2)
    for wrong in (PASSPHRASE + b" ", b"", PASSPHRASE[:-1]):
        with pytest.raises(ConfigError, match="does not open"):
            open_share(FILE, wrong)


def test_the_file_is_argon2id_and_xchacha20_as_libsodium_has_them():
    """Opened here from its description alone."""
    document = json.loads(FILE)
    key = pysodium.crypto_pwhash(
        32,
        PASSPHRASE,
        unb64url(document["salt"]),
        document["operations"],
        document["memory"],
        pysodium.crypto_pwhash_ALG_ARGON2ID13,
    )
    sealed = document.pop("sealed")
    head = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    nonce = unb64url(document["nonce"])
    opened = pysodium.crypto_aead_xchacha20poly1305_ietf_decrypt(unb64url(sealed), head, nonce, key)
    assert opened == SHARE.secret


def test_the_secret_is_not_in_the_file_and_two_files_share_nothing():
    other = seal_share(SHARE, PASSPHRASE, "2026-q4", 3, LEAST)
    for form in (SHARE.secret, SHARE.secret.hex().encode(), b64url(SHARE.secret).encode()):
        assert form not in FILE
    ours, theirs = json.loads(FILE), json.loads(other)
    assert all(ours[name] != theirs[name] for name in ("salt", "nonce", "sealed"))


@pytest.mark.parametrize(
    "changes",
    [
        {"about": {"epoch": "2027-q1", "generation": 3, "index": 2}},
        {"about": {"epoch": "2026-q4", "generation": 4, "index": 2}},
        {"about": {"epoch": "2026-q4", "generation": 3, "index": 1}},
        {"operations": 3},
        {"salt": b64url(bytes(16))},
        {"nonce": b64url(bytes(24))},
        {"sealed": b64url(bytes(48))},
    ],
    ids=str,
)
def test_a_changed_file_does_not_open(changes):
    with pytest.raises(ConfigError, match="does not open"):
        open_share(json.dumps({**json.loads(FILE), **changes}).encode(), PASSPHRASE)


@pytest.mark.parametrize(
    "changes",
    [
        {"memory": 1 << 40},
        {"memory": 8192},
        {"operations": 1},
        {"operations": 10**6},
        {"operations": True},
        {"memory": "much"},
        {"salt": b64url(bytes(15))},
        {"nonce": 5},
        {"nonce": "!"},
        {"sealed": ""},
        {"kdf": "scrypt"},
        {"kind": "ceremony"},
        {"type": "other"},
        {"about": []},
        {"about": {}},
        {"about": {"epoch": 1, "generation": 3, "index": 2}},
        {"about": {"epoch": "e", "generation": True, "index": 2}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_foreign_or_costly_file_is_refused_before_anything_is_computed(changes):
    with pytest.raises(StoredDataError):
        open_share(json.dumps({**json.loads(FILE), **changes}).encode(), PASSPHRASE)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 50_000, b" " * (MAX_FILE + 1)])
def test_what_is_no_sealed_file_is_refused(data):
    with pytest.raises(StoredDataError, match="no sealed file"):
        describe_share(data)


def test_what_was_sealed_as_a_share_must_be_one():
    about = {"epoch": "e", "generation": 0, "index": 1}
    data = seal(b"\xff" * 32, PASSPHRASE, "key-share", about, LEAST)
    with pytest.raises(StoredDataError, match="no key share"):
        open_share(data, PASSPHRASE)


def test_short_and_endless_passphrases_are_refused():
    with pytest.raises(ConfigError, match="fewer than 12"):
        seal_share(SHARE, b"short")
    with pytest.raises(ConfigError, match="at most 4096"):
        seal_share(SHARE, b"x" * 4097, cost=LEAST)


def test_any_secret_can_be_sealed_with_what_may_be_known_of_it():
    data = seal(b"state", PASSPHRASE, "ceremony", {"id": "x"}, LEAST)
    sealed = read(data, "ceremony")
    assert sealed.about == {"id": "x"}
    assert sealed.open(PASSPHRASE) == b"state"
    assert b"state" not in data


def test_costs_are_bounded():
    for wrong in ((1, 1 << 26), (9, 1 << 26), (2, 1 << 25), (2, 1 << 31)):
        with pytest.raises(InputError, match="of argon2id must be"):
            Cost(*wrong)
