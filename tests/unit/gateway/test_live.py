"""Settings taken up while a gateway runs."""

from dataclasses import replace

import pytest

from stillwatch.domain.decision import Scope
from stillwatch.errors import ConfigError
from stillwatch.gateway.live import Live
from stillwatch.gateway.settings import load_settings
from stillwatch.gateway.tokens import Door, make_missing, read_token

SOURCE = '[source]\nstore = "sqlite:///share.db"\n'
DOORS = (Door.DECIDE, Door.STREAM)


@pytest.fixture
def live(tmp_path):
    (tmp_path / "gateway.toml").write_text(SOURCE)
    settings = load_settings(tmp_path / "gateway.toml")
    make_missing(settings.tokens, DOORS)
    return Live(settings, DOORS)


def test_nothing_is_taken_up_where_nothing_changed(live):
    assert not live.changed()


def test_a_good_file_is_taken_up_and_a_bad_one_changes_nothing(live, caplog):
    taken = []
    path = live.settings.path
    path.write_text(SOURCE + '[fail]\nclosed = ["key"]\n')
    assert live.changed()
    assert live.reload(taken.append)
    assert live.rules.closed == {Scope.KEY}
    for text in ("[source\n", SOURCE + "[fial]\n"):
        path.write_text(text)
        assert live.changed()
        assert not live.reload(taken.append)
        assert live.rules.closed == {Scope.KEY}
        assert str(path) in live.error
        assert not live.changed()
    path.unlink()
    assert live.changed()
    assert not live.reload(taken.append)
    path.write_text(SOURCE)
    assert live.changed()
    assert live.reload(taken.append)
    assert (live.error, live.rules.closed, taken) == ("", frozenset(), [live, live])
    assert caplog.text.count("what was in force stays so") == 3


def test_a_broken_token_file_keeps_the_old_tokens(live):
    file = live.settings.tokens.decide
    old = read_token(file).encode()
    file.write_text("")
    assert live.changed()
    assert not live.reload(lambda _: None)
    assert live.tokens.opens(Door.DECIDE, old)
    assert old.decode() not in live.error


def test_a_gateway_does_not_start_with_a_broken_token(live):
    live.settings.tokens.decide.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Live(live.settings, DOORS)


def test_what_the_command_line_named_stays_named(live, tmp_path):
    settings = live.settings
    named = replace(settings.tokens, decide=tmp_path / "named.token")
    make_missing(named, DOORS)
    one = Live(replace(settings, tokens=named), DOORS)
    settings.path.write_text(SOURCE + "[fail]\nstale_s = 5\n")
    assert one.reload(lambda _: None)
    assert one.rules.stale_s == 5
    assert one.tokens.opens(Door.DECIDE, read_token(named.decide).encode())
    assert not one.tokens.opens(Door.DECIDE, read_token(settings.tokens.decide).encode())
