"""``stillwatch screen`` as people and scripts use it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from typer.testing import CliRunner, Result

from stillwatch.cli import app
from stillwatch.domain.identifier import Identifier, Kind, RawIdentifier
from stillwatch.errors import StillwatchError
from stillwatch.sharing.identifiers import normalise
from stillwatch.sharing.identifiers.interface import Refused
from tests.screenlab import ALPHA, MEMBERS, Lab, lab, mode

WHO = "mallory@stillwatch-forum.org"
"""A mailbox of a domain that reads as any organisation's."""


def real(raw: str) -> tuple[Identifier, ...]:
    outcome = normalise(Kind.EMAIL, RawIdentifier(raw))
    assert not isinstance(outcome, Refused), outcome
    return outcome


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "gamma") as made:
        made.ban(ALPHA, made.actor(ALPHA), *real(WHO))
        yield made


def run(home: Lab, *words: object, stdin: Any = None) -> Result:
    text = orjson.dumps(stdin).decode() if stdin is not None else None
    words = ("screen", *words, "--config", home.config)
    done = CliRunner().invoke(app, [str(word) for word in words], input=text)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_sign_up_on_stdin(home: Lab) -> None:
    done = run(home, "--json", stdin={"email": WHO, "ip": "10.0.0.1", "id": "s1"})
    lead = orjson.loads(done.stdout)
    assert done.exit_code == 12
    assert (lead["subject"], lead["step"]) == ("s1", "challenge")
    assert lead["ignored"] == {"ip4: private-address": 1}
    text = run(home, stdin={"email": WHO})
    assert text.exit_code == 12
    assert "challenge (0.57)" in text.stdout
    assert "email of" in text.stdout
    assert WHO not in text.stdout


def test_nobody_and_nothing_known(home: Lab) -> None:
    done = run(home, stdin={"email": "alice@stillwatch-people.org"})
    assert done.exit_code == 0
    assert "nobody has listed it" in done.stdout
    with pytest.raises(StillwatchError, match="no JSON"):
        CliRunner().invoke(
            app, ["screen", "--config", str(home.config)], input="{", catch_exceptions=False
        )


def test_it_passes_with_its_own_status_when_nobody_answers(home: Lab) -> None:
    for node in home.panel.nodes:
        node.refuse = lambda _: (503, {})
    done = run(home, "--json", stdin={"email": WHO})
    assert done.exit_code == 7
    assert orjson.loads(done.stdout)["screened"] is False
    with pytest.raises(StillwatchError, match="evaluators can be asked"):
        run(home, "--strict", stdin={"email": WHO})


def test_customers_with_a_dry_run_before(home: Lab, tmp_path: Path) -> None:
    table, out = tmp_path / "customers.csv", tmp_path / "leads.jsonl"
    table.write_text(f"Kunde,Mail\nc1,{WHO}\nc2,alice@stillwatch-people.org\nc3,\n")
    usual = ("--customers", table, "--column", "Kunde=row-id", "--column", "Mail=email")
    home.panel.nodes[2].quota = 2
    dry = orjson.loads(run(home, *usual, "--dry-run", "--json").stdout)
    assert dry["customers"] == 2
    assert dry["quota_left"]["2026q4"][MEMBERS[2]] == 2
    assert "would stop after 2 of" in run(home, *usual, "--dry-run").stdout
    assert not any(q for node in home.panel.nodes for q in node.asked)
    done = orjson.loads(run(home, *usual, "--out", out, "--json").stdout)
    assert done["leads"] == {"challenge": 1}
    assert done["unusable"] == {"email: empty": 1}
    assert done["warnings"] == []
    (lead,) = map(orjson.loads, out.read_bytes().splitlines())
    assert lead["subject"] == "c1"
    assert mode(out) == 0o600
    assert "leads: challenge: 1" in run(home, *usual, "--out", out).stdout


def test_a_table_that_is_mostly_unusable_is_told_with_and_without_json(
    home: Lab, tmp_path: Path
) -> None:
    table, out = tmp_path / "customers.csv", tmp_path / "leads.jsonl"
    table.write_text(f"id,email,ip\nc1,{WHO},10.0.0.1\nc2,,10.0.0.2\nc3,,203.0.113.9\n")
    warning = "2 of 3 values of ip4 cannot be matched, most of them: private-address"
    for more in (("--dry-run",), ("--out", out)):
        told = run(home, "--customers", table, *more, "--json")
        assert orjson.loads(told.stdout)["warnings"] == [warning]
        assert f"warning: {warning}" in run(home, "--customers", table, *more).stdout
        assert "unusable: ip4: private-address: 2" in run(home, "--customers", table, *more).stdout


def test_a_rehearsal_takes_the_numbers_that_strangers_type(home: Lab) -> None:
    signup = {"email": WHO, "phone": "+1 201 555 0123"}
    assert "phone: documentation" in dict(
        orjson.loads(run(home, "--json", stdin=signup).stdout)["ignored"]
    )
    settings = home.config.read_text()
    assert "[matching]" in settings
    home.config.write_text(settings.replace("[matching]", "[matching]\nrehearsal = true"))
    lead = orjson.loads(run(home, "--json", stdin=signup).stdout)
    assert "phone: documentation" not in dict(lead["ignored"])


def test_evaluators_are_shown_and_restored(home: Lab) -> None:
    from stillwatch.store.matching import set_aside

    with home.store() as store, store.begin() as connection:
        set_aside(connection, MEMBERS[1], "2026q4", "it lied", "evidence.json")
    shown = run(home, "--evaluators").stdout
    assert f"{MEMBERS[0]}  1,000,000,000 left" in shown
    assert "it lied; see evidence.json" in shown
    run(home, "--restore", MEMBERS[1])
    assert orjson.loads(run(home, "--evaluators", "--json").stdout)["aside"] == []
    with pytest.raises(StillwatchError, match="is set aside"):
        run(home, "--restore", MEMBERS[1])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--customers", "x.csv"], "--customers needs --out"),
        (["--customers", "x.csv", "--serve"], "exclude one another"),
        (["--column", "x=colour"], "NAME=FIELD"),
        (["--customers", "x.csv", "--out", "y", "--least", "ban"], "no step is named 'ban'"),
        (["--serve", "--host", "0.0.0.0"], "not this machine's own address"),
    ],
)
def test_wrong_words_are_told(home: Lab, words: list[str], said: str) -> None:
    with pytest.raises(StillwatchError, match=re.escape(said)):
        run(home, *words)


def test_the_service_answers_and_ends_with_its_signal(home: Lab, tmp_path: Path) -> None:
    token = tmp_path / "screen.token"
    words = ["screen", "--serve", "--port", "0", "--token-file", token, "--config", home.config]
    child = subprocess.Popen(
        [sys.executable, "-m", "stillwatch", *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert child.stdout is not None
    try:
        assert "a new token is in" in child.stdout.readline()
        url = child.stdout.readline().split()[-1]
        assert mode(token) == 0o600
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        answer = httpx.post(
            f"{url}/v1/screen", json={"email": WHO}, headers=headers, trust_env=False, timeout=60
        )
        assert answer.json()["step"] == "challenge"
    finally:
        child.terminate()
        assert child.wait(60) in (0, -15, 143)
        child.stdout.close()
