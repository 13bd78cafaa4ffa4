"""Commands of an evaluator: what they refuse, and the pilot's dealer, which warns."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import ConfigError, InputError, StillwatchError, StoredDataError
from stillwatch.hub.evaluator.home import Home
from tests.epochs import member
from tests.evaluators import Roster
from tests.sharers import command

PASSPHRASE = "five quite random words here"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "evaluator"
    command("evaluator", "init", "--home", folder)
    Roster(folder / "members.json").write()
    return folder


def test_init_is_the_owners_alone_and_changes_nothing_again(home: Path) -> None:
    assert home.stat().st_mode & 0o077 == 0
    assert "there already" in command("evaluator", "init", "--home", home)


def test_the_dealer_warns_and_deals(tmp_path: Path) -> None:
    words = []
    for place in range(3):
        SigningKey.generate().save(tmp_path / f"{place}.key")
        seat = f"{member(place)}={tmp_path / f'{place}.key'}=https://e{place}.example.com"
        words += ["--evaluator", seat]
    call = ["evaluator", "unsafe-dealer", "pilot", *words, "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, call, env={"STILLWATCH_EVALUATOR_PASSPHRASE": PASSPHRASE})
    assert (done.exit_code, done.stderr.count("WARNING")) == (0, 2)
    for index in (1, 2, 3):
        (held,) = Home(tmp_path / "out" / str(index)).held(PASSPHRASE.encode())
        assert (held.share.index, held.epoch) == (index, "pilot")


def test_without_a_passphrase_nothing_is_served(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STILLWATCH_EVALUATOR_PASSPHRASE", raising=False)
    with pytest.raises(ConfigError, match="no passphrase"):
        command("evaluator", "serve", "--home", home)


def test_a_passphrase_that_others_may_read_is_not_used(home: Path, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        command("evaluator", "serve", "--home", home, "--passphrase-file", secret)


def test_a_lost_database_is_not_begun_anew(home: Path) -> None:
    (home / "evaluator.db").unlink()
    with pytest.raises(StoredDataError, match="no quota database"):
        command("evaluator", "audit", "verify", "--home", home)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("quota", "show", "delta"), "no member"),
        (("quota", "set", "alpha", "--daily", "many"), "no number"),
        (("quota", "set", "alpha", "--daily", "-1"), "no number"),
        (("quota", "grant", "alpha", "5", "--until", "soon"), "no day"),
        (("quota", "grant", "alpha", "5", "--until", "2020-01-01"), "is over"),
        (("audit", "verify", "--kept", "x"), "no head"),
        (("ceremony", "new", "e1", "--evaluator", "x=y"), "no epoch here"),
        (("refresh", "new", "e1"), "no document of epoch"),
        (("epoch", "forget", "e1", "--generation", "0"), "cannot be destroyed"),
    ],
)
def test_what_cannot_be_is_refused(home: Path, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(StillwatchError, match=said):
        command("evaluator", *words, "--home", home)


def test_quota_is_shown_and_set(home: Path) -> None:
    until = date.today() + timedelta(days=3)
    command("evaluator", "quota", "set", "alpha", "--daily", 7, "--until", until, "--home", home)
    command("evaluator", "quota", "grant", "beta", 9, "--until", until, "--home", home)
    shown = command("evaluator", "quota", "show", "--home", home)
    assert f"alpha: 0 of 7 a day until {until}; 7 left" in shown
    assert f"grant: 0 of 9, until {until}" in shown
    command("evaluator", "quota", "set", "alpha", "--daily", "default", "--home", home)
    command("evaluator", "quota", "reset", "alpha", "--home", home)
    assert "alpha: 0 of 5,000 a day; 5,000 left" in command(
        "evaluator", "quota", "show", "alpha", "--home", home
    )
    command("evaluator", "quota", "forget-clock", "--home", home)
    assert "quota.grant  9" in command("evaluator", "audit", "show", "--home", home)


def test_no_name_is_guessed(home: Path) -> None:
    (home / "members.json").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        command("evaluator", "quota", "show", "alpha", "--home", home)
