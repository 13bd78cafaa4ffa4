import json
import os

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


def _write(path, content):
    path.touch(mode=0o600)
    path.write_text(content)


def test_a_key_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_keyring(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_keyring(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_key_file_that_others_may_use_is_refused_until_it_is_closed(tmp_path, mode):
    path = tmp_path / "k.json"
    write_keyring(new_keyring(["a"]), path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"by others \\(mode {mode:o}\\); chmod 600 .* new keys"):
        read_keyring(path)
    path.chmod(0o600)
    assert read_keyring(path).keys[0].cohort == "a"


def test_keys_that_cannot_be_kept_leave_no_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        write_keyring(new_keyring(["a"]), tmp_path / "none" / "k.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["a\nb", "a\tb", "a\x00", "a\x1b[31m", "a\x7f", "a\u202eb", "\u2028", " "]
)
def test_a_cohort_has_a_name_that_shows(name):
    with pytest.raises(ConfigError, match="is no name") as refused:
        new_keyring(["b", name])
    assert str(refused.value).isprintable()


def test_a_cohort_may_be_named_in_any_script():
    assert [k.cohort for k in new_keyring(["Region Süd 7", "東京", "a"]).keys][1] == "東京"


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
        (_keys(("a\nb", "00" * 16)), "is no name"),
        (_keys(("a\x1b[2K", "00" * 16)), "is no name"),
        (_keys(("a\u202eb", "00" * 16)), "is no name"),
        (_keys(("a", "00" * 16))[:60], "no key file"),
    ],
)
def test_a_bad_key_file_is_told(tmp_path, content, words):
    _write(tmp_path / "k.json", content)
    with pytest.raises(ConfigError, match=words):
        read_keyring(tmp_path / "k.json")


def test_cohorts_have_different_keys():
    assert derived_key(b"m", "a") == derived_key(b"m", "a")
    assert len({derived_key(b"m", c).secret for c in "abc"} | {derived_key(b"n", "a").secret}) == 4
    with pytest.raises(ConfigError, match="different names"):
        new_keyring(["a", "a"])
    with pytest.raises(ConfigError, match="no key of cohort 'z'"):
        new_keyring(["a"]).key("z")
