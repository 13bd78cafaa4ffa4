import json

import pytest

from stillwatch.errors import ConfigError
from stillwatch.provenance.marks.keys import (
    Key,
    derived_key,
    new_keyring,
    read_keyring,
    siphash,
    write_keyring,
)


def test_siphash_is_the_published_one():
    # vector of the reference implementation: key 00..0f, message 00..07
    key = Key("x", bytes(range(16)))
    word = int.from_bytes(bytes(range(8)), "little")
    assert int(siphash(*key.halves, word)) == 0x93F5F5799A932462


def test_a_key_file_comes_back(tmp_path):
    ring = new_keyring(["a", "b"], gamma=0.5, delta=1.5)
    write_keyring(ring, tmp_path / "k.json")
    assert read_keyring(tmp_path / "k.json") == ring
    assert (tmp_path / "k.json").stat().st_mode & 0o077 == 0


def test_keys_are_never_overwritten_nor_shown(tmp_path):
    ring = new_keyring(["a"])
    write_keyring(ring, tmp_path / "k.json")
    with pytest.raises(ConfigError, match="exists"):
        write_keyring(ring, tmp_path / "k.json")
    assert ring.keys[0].secret.hex() not in repr(ring)


def _keys(*pairs):
    keys = [{"cohort": cohort, "secret": secret} for cohort, secret in pairs]
    return json.dumps({"version": 1, "gamma": 0.25, "delta": 2, "keys": keys})


def test_a_key_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_keyring(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_keyring(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no key file"),
        ('{"version": 2}', "version 2"),
        ('{"version": 1, "gamma": 0.25, "delta": 2, "keys": []}', "1 to"),
        (
            '{"version": 1, "gamma": 0.25, "delta": 2, "keys": [{"cohort": "a", "secret": "00"}]}',
            "16 bytes",
        ),
        (
            '{"version": 1, "gamma": 1.5, "delta": 2, "keys": [{"cohort": "a", "secret": "%s"}]}'
            % ("00" * 16),
            "gamma",
        ),
        ("[1]", "no key file"),
        (_keys(("a", "00" * 10)), "16 bytes"),
        (_keys(("a", "0" * 31)), "no key file"),
        (_keys(("a", "00" * 16), ("a", "01" * 16)), "two keys of one cohort"),
        (_keys(("a", "00" * 16), ("b", "00" * 16)), "one key of two cohorts"),
        (_keys((None, "00" * 16)), "None is no name"),
        (_keys((" ", "00" * 16)), "is no name"),
        (_keys(("a", "00" * 16))[:60], "no key file"),
    ],
)
def test_a_bad_key_file_is_told(tmp_path, content, words):
    (tmp_path / "k.json").write_text(content)
    with pytest.raises(ConfigError, match=words):
        read_keyring(tmp_path / "k.json")


def test_cohorts_have_different_keys():
    assert derived_key(b"m", "a") == derived_key(b"m", "a")
    assert len({derived_key(b"m", c).secret for c in "abc"} | {derived_key(b"n", "a").secret}) == 4
    with pytest.raises(ConfigError, match="different names"):
        new_keyring(["a", "a"])
    with pytest.raises(ConfigError, match="no key of cohort 'z'"):
        new_keyring(["a"]).key("z")
