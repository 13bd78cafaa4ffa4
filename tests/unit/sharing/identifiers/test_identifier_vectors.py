"""The published vectors hold, cover every kind and every reason, and have the published shape."""

from collections import Counter
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stillwatch.domain.identifier import Kind
from stillwatch.sharing.identifiers import Reason, Refused
from stillwatch.sharing.identifiers.vectors import (
    disagreements,
    outcome_of,
    schema,
    table_versions,
    told,
    vectors,
)

CASES: list[dict[str, Any]] = vectors()["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_a_vector_holds(case: dict[str, Any]) -> None:
    expected = {key: case[key] for key in ("identifiers", "refused") if key in case}
    assert told(outcome_of(case)) == expected


def test_the_vectors_have_the_published_shape() -> None:
    Draft202012Validator.check_schema(schema())
    assert not list(Draft202012Validator(schema()).iter_errors(vectors()))
    assert len(CASES) >= 250
    assert len({case["id"] for case in CASES}) == len(CASES)


def test_the_schema_lists_every_kind_and_every_reason() -> None:
    assert schema()["$defs"]["kind"]["enum"] == [kind.value for kind in Kind]
    assert schema()["$defs"]["reason"]["enum"] == [reason.value for reason in Reason]


def test_every_kind_is_made_and_refused_and_every_reason_given() -> None:
    made = Counter(one["kind"] for case in CASES for one in case.get("identifiers", ()))
    assert set(made) == {kind.value for kind in Kind}
    assert {case["refused"] for case in CASES if "refused" in case} == {one.value for one in Reason}


@pytest.mark.parametrize("case", [case for case in CASES if "refused" in case][::7])
def test_a_refusal_never_holds_what_was_given(case: dict[str, Any]) -> None:
    outcome = outcome_of(case)
    assert isinstance(outcome, Refused)
    assert repr(outcome) == f"Refused(kind={outcome.kind!r}, reason={outcome.reason!r})"


def test_an_installation_that_agrees_says_so_and_names_its_tables() -> None:
    assert not list(disagreements())
    assert {"rules", "unicode", "phonenumbers", "tldextract", "idna"} <= set(table_versions())


def test_a_changed_vector_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in CASES if case["id"] == "email-001")
    monkeypatch.setitem(case, "identifiers", [{"kind": "email", "value": "other@widgets.de"}])
    assert [one.case for one in disagreements()] == ["email-001"]
