"""An analyst looks at what would be asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import ConfigError, EmptyInput, InputError
from stillwatch.sharing.identifiers.lines import MAX_LINE
from stillwatch.sharing.identifiers.vectors import vectors


def run(*words: object, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(
        app, ["identifiers", *map(str, words)], input=given, catch_exceptions=True
    )


def said(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_lines_of_one_kind_are_told_one_by_one() -> None:
    result = run("normalise", "--kind", "email", given="Ann+x@Gmail.com\n\n n/a\r\n")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "1\temail\tann+x@gmail.com",
        "1\temail-loose\tann@gmail.com",
        "3\temail\trefused: placeholder",
    ]
    assert "placeholder" in result.stderr


def test_json_says_the_same_and_ends_with_the_counts() -> None:
    result = run("normalise", "--kind", "ip", "--json", given="8.8.8.8\n10.0.0.1\n")
    assert said(result) == [
        {"row": "1", "kind": "ip4", "value": "8.8.8.8"},
        {"row": "1", "kind": "ip4-24", "value": "8.8.8.0/24"},
        {"row": "2", "kind": "ip4", "refused": "private-address"},
        {
            "counts": [
                {"kind": "ip4", "what": "made", "count": 1},
                {"kind": "ip4", "what": "private-address", "count": 1},
                {"kind": "ip4-24", "what": "made", "count": 1},
            ]
        },
    ]


def test_a_file_of_lines_with_a_region_and_a_processor(tmp_path: Path) -> None:
    (tmp_path / "phones").write_text("020 7946 1234\n", encoding="utf-8")
    result = run("normalise", tmp_path / "phones", "--kind", "phone", "--region", "GB")
    assert result.stdout == "1\tphone\t+442079461234\n"
    cards = run("normalise", "--kind", "payment", "--processor", "p1", given="card_9f3a77c0\n")
    assert cards.stdout == "1\tpayment\tp1:card_9f3a77c0\n"


def test_the_number_of_a_card_is_refused_and_nowhere_repeated() -> None:
    result = run("normalise", "--kind", "payment", given="p1:4111111111111111\n")
    assert result.exit_code == 1
    assert "refused: card-number" in result.stdout
    assert "4111" not in result.output


def test_one_sign_up_comes_as_json_and_unknown_keys_are_told() -> None:
    record = {"email": "bob@widgets.de", "signup_ip": "8.8.8.8", "plan": "pro"}
    result = run("normalise", "--json", given=json.dumps(record))
    assert [one["kind"] for one in said(result)[:-1]] == [
        "email", "email-loose", "domain", "ip4", "ip4-24",
    ]  # fmt: skip
    assert "not read: plan" in result.stderr


def test_a_table_is_read_by_its_columns_and_its_counts_alone_can_be_asked_for(
    tmp_path: Path,
) -> None:
    table = tmp_path / "customers.csv"
    table.write_text("kunde,email,note\nk1,Ann@widgets.de,x\nk2,,y\n", encoding="utf-8")
    result = run("normalise", table, "--map", "kunde=row-id")
    assert result.stdout.splitlines()[0] == "k1\temail\tann@widgets.de"
    assert "not read: note" in result.stderr
    counted = run("normalise", table, "--map", "kunde=row-id", "--counts", "--json")
    assert [list(one) for one in said(counted)] == [["counts"]]
    assert {"kind": "email", "what": "empty", "count": 1} in said(counted)[0]["counts"]


@pytest.mark.parametrize(
    ("words", "given", "error", "says"),
    [
        (["normalise", "no-such.csv"], "", InputError, "no such file"),
        (["normalise", "no-such", "--kind", "email"], "", InputError, "cannot read no-such"),
        (["normalise", "--map", "a=b"], "", ConfigError, "COLUMN=FIELD"),
        (["normalise"], '{"email": "a1@widgets.de"}\nsecret\n', InputError, "line 2 is not a JSON"),
        (["normalise"], '{"plan": "secret"}', InputError, "no key with an identifier"),
    ],
)
def test_what_cannot_be_read_is_told_without_being_quoted(
    words: list[str], given: str, error: type[Exception], says: str
) -> None:
    result = run(*words, given=given)
    assert isinstance(result.exception, error)
    assert says in str(result.exception)
    assert "secret" not in f"{result.exception}{result.output}"


def test_bytes_that_are_no_text_and_endless_lines_are_refused_and_the_next_is_read() -> None:
    given = b"\xff\xfe@widgets.de\n" + b"a" * (3 * MAX_LINE) + b"\nbob@widgets.de\n"
    result = run("normalise", "--kind", "email", given=given)
    assert result.stdout.splitlines()[:3] == [
        "1\temail\trefused: malformed",
        "2\temail\trefused: too-long",
        "3\temail\tbob@widgets.de",
    ]


def test_nothing_usable_ends_with_a_status_of_its_own() -> None:
    assert run("normalise", "--kind", "email", given="n/a\n").exit_code == 1
    assert run("normalise", "--kind", "email", given="").exit_code == 1


def test_examples_that_strangers_type_are_taken_only_when_asked() -> None:
    assert run("normalise", "--kind", "ip", given="192.0.2.7\n").exit_code == 0
    assert run("normalise", "--kind", "phone", given="+12015550123\n").exit_code == 1
    taken = run("normalise", "--kind", "phone", "--documentation", given="+12015550123\n")
    assert taken.stdout.startswith("1\tphone\t+12015550123\n")


def test_the_vectors_are_walked_and_a_difference_ends_with_a_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert "of 511 test vectors hold" in result.stdout
    assert "phonenumbers" in result.stdout
    case = vectors()["cases"][0]
    monkeypatch.setitem(case, "identifiers", [{"kind": "email", "value": "other@widgets.de"}])
    changed = run("check", "--json")
    assert changed.exit_code == 1
    assert json.loads(changed.stdout)["disagree"] == [case["id"]]


@pytest.mark.parametrize("words", [(), ("--kind", "email"), ("--json",)])
def test_nothing_at_all_is_an_error_that_says_so(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["identifiers", "normalise", *words], input="")
    assert isinstance(done.exception, EmptyInput)
    assert "standard input holds no value" in str(done.exception)
