"""Tokens in files: who may ask what."""

import stat

import pytest

from stillwatch.errors import ConfigError
from stillwatch.gateway.settings import bare_settings
from stillwatch.gateway.tokens import Door, Tokens, given_token, make_missing, read_token


def test_what_is_missing_is_made_for_its_owner_alone_and_what_is_there_is_kept(tmp_path):
    files = bare_settings(tmp_path).tokens
    made = make_missing(files, [Door.DECIDE, Door.STREAM])
    assert [path.name for path in made] == ["decide.token", "stream.token"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert make_missing(files, [Door.DECIDE]) == []
    assert read_token(files.decide) != read_token(files.stream)


def test_a_door_without_tokens_opens_to_nobody(tmp_path):
    files = bare_settings(tmp_path).tokens
    make_missing(files, [Door.DECIDE])
    tokens = Tokens.load(files, [Door.DECIDE])
    token = read_token(files.decide).encode()
    assert tokens.opens(Door.DECIDE, token)
    assert tokens.opens_any(token)
    assert not tokens.opens(Door.SCREEN, token)
    assert not any(tokens.opens(door, given) for door in Door for given in (None, b"", token[:-1]))
    assert token.decode() not in repr(tokens)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("", 0o600, "holds 0 tokens"),
        ("# nothing\n\n", 0o600, "holds 0 tokens"),
        ("short\n", 0o600, "no token"),
        ("two words of a token\n", 0o600, "no token"),
        ("t" * 20, 0o644, "chmod 600"),
        (("t" * 20 + "\n") * 65, 0o600, "65 tokens"),
        ("é" * 20, 0o600, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_not_quoted(tmp_path, text, mode, said):
    files = bare_settings(tmp_path).tokens
    files.decide.write_text(text)
    files.decide.chmod(mode)
    with pytest.raises(ConfigError) as found:
        Tokens.load(files, [Door.DECIDE])
    assert said in str(found.value)
    assert "tttt" not in str(found.value)


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], None),
        ([(b"authorization", b"Bearer x")], b"x"),
        ([(b"authorization", b"bearer x")], b"x"),
        ([(b"authorization", b"Basic x")], None),
        ([(b"authorization", b"Bearer client"), (b"x-stillwatch-token", b"ours")], b"ours"),
    ],
)
def test_our_own_header_stands_above_authorization(headers, token):
    assert given_token(headers) == token
