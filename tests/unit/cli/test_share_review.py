"""A person at the terminal: what is shown, changed, released and kept home, on a real terminal."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import VerifierKey
from stillwatch.intel.codenames import code_name
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.sharing.settings import TEMPLATE, load_settings
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft
from tests.claims import PUBLISHER, examples, terms

IDS = [to_stix(replace(examples()["campaign"], terms=terms(n)))["id"] for n in (1, 2, 3)]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings and three drafts that wait, in the order of their ids."""
    vkey = VerifierKey("hub.example/log", SigningKey.from_seed(b"k" * 32).public)
    values = {
        "url": "https://hub.example", "member": "alpha", "token_file": "token",
        "log_key": str(vkey), "identity": PUBLISHER, "key_file": "share.key",
        "collection": "claims", "jurisdiction": "DE", "basis": "gdpr-6-1-f",
        "as_of": date(2026, 10, 1).isoformat(), "store": "share.db",
    }  # fmt: skip
    file = tmp_path / "share.toml"
    file.write_text(TEMPLATE.format(**values))
    store = Store(load_settings(file).store)
    with store.begin() as connection:
        for number in (1, 2, 3):
            its = terms(number)
            claim = replace(examples()["campaign"], terms=its, name=code_name(its.claim_id))
            body = to_stix(claim)
            outbox.put(connection, Draft(body["id"], "campaign", "waiting", "r", body, {"ids": 9}))
    store.close()
    return file


def typed(config: Path, *lines: str) -> str:
    """What the command says to somebody who types these lines at a terminal."""
    ours, theirs = pty.openpty()
    words = ["share", "review", "--by", "reviewer", "--config", str(config)]
    with subprocess.Popen(
        [sys.executable, "-m", "stillwatch", *words],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as running:  # fmt: skip
        os.close(theirs)
        os.write(ours, "".join(f"{line}\n" for line in lines).encode())
        said, _ = running.communicate(timeout=120)
    os.close(ours)
    assert running.returncode == 0, said
    return str(said)


@pytest.fixture
def drafts(config: Path) -> Iterator[Store]:
    store = Store(load_settings(config).store)
    yield store
    store.close()


def states(store: Store) -> dict[str, str]:
    with store.begin() as connection:
        listed = outbox.listed(connection, "waiting", "released", "refused")
    return {one.stix_id: one.state for one in listed}


def test_each_draft_is_asked_for_and_the_answer_is_kept(config: Path, drafts: Store) -> None:
    first, second, third = sorted(IDS)
    said = typed(config, "r", "k", "an error", "s")
    assert states(drafts) == {first: "released", second: "refused", third: "waiting"}
    with drafts.begin() as connection:
        acts = [(a["stix_id"], a["act"], a["by"], a["detail"]) for a in outbox.history(connection)]
    assert acts == [
        (first, "release", "reviewer", ""), (second, "refuse", "reviewer", "an error"),
    ]  # fmt: skip
    assert "1 of 3" in said
    assert "goes out as alpha" in said
    assert "stays home: ids: 9" in said
    assert "1 drafts wait" in said


def test_a_draft_is_edited_shown_again_and_released(config: Path, drafts: Store) -> None:
    first = sorted(IDS)[0]
    said = typed(config, "e", "confidence=40", "e", "tlp = green", "r", "q")
    with drafts.begin() as connection:
        (released,) = outbox.listed(connection, "released")
        acts = [a["act"] for a in outbox.history(connection, first)]
    its = from_stix(released.body).terms
    assert (released.stix_id, its.confidence, its.tlp) == (first, 40, "green")
    assert acts == ["edit", "edit", "release"]
    shown, _, _ = said.partition("2 of 3")
    told = [line[-2:] for line in shown.splitlines() if line.startswith("+ confidence: ")]
    assert told == ["75", "40", "40"]  # as drafted, and after each edit


def test_an_edit_that_may_not_be_is_told_and_changes_nothing(config: Path, drafts: Store) -> None:
    wrong = {
        "nonsense": "is no NAME=VALUE",
        "name=x": "no condition is named 'name'",
        "confidence=41": "confidence must be",
        "until=2020-01-01": "valid_until",
        "as=nobody": "'nobody' is no name of ours",
        "groups=ask jane@example.com": "groups.[0]",
    }
    with drafts.begin() as connection:
        before = outbox.listed(connection, "waiting")
    said = typed(config, *(word for line in wrong for word in ("e", line)), "q")
    assert [told for told in wrong.values() if told not in said] == []
    with drafts.begin() as connection:
        assert outbox.listed(connection, "waiting") == before
        assert outbox.history(connection) == []
