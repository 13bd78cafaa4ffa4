"""A rule that leaves quotes nobody: not in a sample, not in a phrase."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import orjson
import pytest

from stillwatch.errors import InputError, PolicyRefused, StoredDataError
from stillwatch.intel.stix import from_stix
from stillwatch.sharing.ruleclaims import draft_of, quoted_prompts, received_rule
from stillwatch.sharing.settings import Settings
from stillwatch.store.database import Store
from tests.profiling import families
from tests.travelling import HARNESS, SCAFFOLD, asked, content, text
from tests.unit.sharing.test_publish import settings

DAY = date(2026, 11, 20)


@pytest.fixture
def mine(tmp_path: Path) -> Settings:
    return settings("https://hub.example", tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    yield opened
    opened.close()


def result(folder: Path, **accounts: list[str]) -> Path:
    folder.mkdir()
    found = [{"kind": "account", "account_id": n, "exemplars": e} for n, e in accounts.items()]
    (folder / "findings.jsonl").write_bytes(b"".join(orjson.dumps(f) + b"\n" for f in found))
    return folder


def drafted(
    folder: Path, mine: Settings, store: Store, compared: Path | None = None, **rule: object
):
    (folder / "rule.yaml").write_text(text(**rule))
    with store.begin() as connection:
        return draft_of(folder / "rule.yaml", mine, connection, families(), compared, DAY)


def test_words_that_several_say_may_leave(tmp_path: Path, mine: Settings, store: Store) -> None:
    said = {
        f"a{i}": [f"Read chapter {i}, then {SCAFFOLD}, please", f"{HARNESS} {i}"] for i in (1, 2)
    }
    made = drafted(tmp_path, mine, store, result(tmp_path / "r", **said))
    claim = from_stix(made.body)
    assert (claim.false_positives, claim.tried_on.low, claim.tried_on.high) == (0.001, 5000, 9999)
    assert made.state == "waiting"
    assert made.stays == {"compared with the quoted prompts of": str(tmp_path / "r")}


@pytest.mark.parametrize(
    ("quoted", "message"),
    [
        ({"a": [asked(5)], "b": [f"x {SCAFFOLD}"]}, "sample 2 of match quotes"),
        ({"a": ["  WHAT is the capital\nof Portugal? "]}, "sample 1 of no_match quotes"),
        ({"a": [f"Dear all. {asked(6)} Yours, Jane"], "b": [f"x {SCAFFOLD}"]}, "sample 2 of match"),
        ({"a": [SCAFFOLD], "b": [f"x {SCAFFOLD}"]}, "phrase 1 is a whole prompt"),
        ({"a": [f"{SCAFFOLD} or else", f"so {SCAFFOLD}"]}, "phrase 1 is said by one account"),
    ],
)
def test_a_customers_words_may_not(
    tmp_path: Path, mine: Settings, store: Store, quoted: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(PolicyRefused, match=message) as refused:
        drafted(tmp_path, mine, store, result(tmp_path / "r", **quoted))
    assert "Portugal" not in str(refused.value)


def test_a_rule_needs_a_measured_rate_and_its_own_samples(
    tmp_path: Path, mine: Settings, store: Store
) -> None:
    ours = {k: v for k, v in content()["stillwatch"].items() if k != "measured"}
    with pytest.raises(PolicyRefused, match="does not state a measured"):
        drafted(tmp_path, mine, store, stillwatch=ours)
    samples = content()["samples"] | {"no_match": [[asked(1), asked(2)], ["What is the time?"]]}
    with pytest.raises(PolicyRefused, match="must not match does"):
        drafted(tmp_path, mine, store, samples=samples)
    with pytest.raises(PolicyRefused, match="expired"):
        drafted(
            tmp_path, mine, store, stillwatch=content()["stillwatch"] | {"expires": "2026-11-19"}
        )


def test_what_is_no_result_or_no_received_rule_is_an_error(tmp_path: Path, store: Store) -> None:
    (tmp_path / "findings.jsonl").write_text("[]\n")
    with pytest.raises(StoredDataError, match="no findings of a result"):
        quoted_prompts(tmp_path)
    with store.begin() as connection, pytest.raises(InputError, match="was received"):
        received_rule(connection, "indicator--1")
