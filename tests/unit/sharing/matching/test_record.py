"""A record opens for who holds the identifier, publisher and epoch right, and for nobody else."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto import aead
from stillwatch.crypto.canonical import canonical
from stillwatch.domain.claim import StixId
from stillwatch.errors import InputError, NotTrusted
from stillwatch.sharing.matching.interface import key_of, tag_of
from stillwatch.sharing.matching.record import (
    PLAIN_BYTES,
    ROW_BYTES,
    Record,
    Row,
    dummy,
    open_row,
    seal,
)
from tests.rows import OTHER, PUBLISHER, example

_DAYS = st.dates(date(2020, 1, 1), date(2039, 12, 31))
_NAMES = st.from_regex(r"[a-z0-9][a-z0-9+/._-]{0,31}", fullmatch=True)
OUTPUTS = st.binary(min_size=64, max_size=64)


@st.composite
def records(draw: st.DrawFn) -> Record:
    first = draw(_DAYS)
    last = first + timedelta(draw(st.integers(0, 400)))
    return Record(
        claim=StixId(f"{draw(st.sampled_from(('intrusion-set', 'campaign')))}--{draw(st.uuids())}"),
        kind=draw(_NAMES),
        first_seen=first,
        last_seen=last,
        confidence=draw(st.integers(0, 100)),
        tactic=draw(_NAMES | st.just("")),
        until=last + timedelta(draw(st.integers(0, 400))),
    )


@given(records(), OUTPUTS)
def test_what_was_sealed_opens_as_it_was(record: Record, output: bytes) -> None:
    row = seal(record, output, PUBLISHER, "2026-q4")
    assert len(bytes(row)) == ROW_BYTES == 312
    assert row.tag == output[:16]
    assert Row.parse(bytes(row)) == row
    assert open_row(row, output, PUBLISHER, "2026-q4") == record


@given(records(), OUTPUTS, st.data())
def test_no_other_output_publisher_epoch_or_bit_opens(
    record: Record, output: bytes, data: st.DataObject
) -> None:
    row = seal(record, output, PUBLISHER, "2026-q4")
    bit = data.draw(st.integers(0, 8 * ROW_BYTES - 1))
    changed = bytearray(bytes(row))
    changed[bit // 8] ^= 1 << bit % 8
    # of an output, bytes 16-31 are not used: all others are
    place = data.draw(st.integers(0, 15) | st.integers(32, 63))
    wrong = bytearray(output)
    wrong[place] ^= 1 << data.draw(st.integers(0, 7))
    for attempt in (
        (Row.parse(bytes(changed)), output, PUBLISHER, "2026-q4"),
        (row, bytes(wrong), PUBLISHER, "2026-q4"),
        (row, output, OTHER, "2026-q4"),
        (row, output, PUBLISHER, "2027-q1"),
    ):
        with pytest.raises(NotTrusted):
            open_row(*attempt)


@given(records())
def test_the_plain_bytes_are_canonical_json_padded_to_one_size(record: Record) -> None:
    output = bytes(range(64))
    row = seal(record, output, PUBLISHER, "e")
    context = b"stillwatch/record/v1\0" + PUBLISHER.encode() + b"\0e\0" + output[:16]
    plain = aead.open_sealed(output[32:], row.nonce, row.sealed, context)
    assert len(plain) == PLAIN_BYTES
    said = {
        "claim": record.claim,
        "confidence": record.confidence,
        "first_seen": record.first_seen.isoformat(),
        "kind": record.kind,
        "last_seen": record.last_seen.isoformat(),
        "tactic": record.tactic,
        "until": record.until.isoformat(),
    }
    assert plain == (canonical(said) + b"\x80").ljust(PLAIN_BYTES, b"\0")


def test_members_that_newer_versions_add_are_passed_over() -> None:
    assert _opened(canonical({**_members(), "seen_in": ["eu"]})) == example()


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 101},
        {"confidence": True},
        {"confidence": "80"},
        {"claim": "indicator--9f1c1c5e-0b5e-4f2e-9d4e-3d1a3b6f0c11"},
        {"claim": "intrusion-set--9F1C1C5E-0B5E-4F2E-9D4E-3D1A3B6F0C11"},
        {"first_seen": "2026-11-21"},
        {"first_seen": "yesterday"},
        {"until": 20270218},
        {"kind": "E-Mail Address"},
        {"tactic": "x" * 33},
    ],
)
def test_what_opens_but_is_no_record_is_not_believed(change: dict[str, object]) -> None:
    with pytest.raises(NotTrusted, match="no record"):
        _opened(canonical({**_members(), **change}))


@pytest.mark.parametrize(
    "plain", [b"\0" * PLAIN_BYTES, b"{}\x80x".ljust(PLAIN_BYTES, b"\0"), b"{}\x80"]
)
def test_wrong_padding_is_said(plain: bytes) -> None:
    output = bytes(range(64))
    context = b"stillwatch/record/v1\0" + PUBLISHER.encode() + b"\0e\0" + output[:16]
    sealed = aead.seal(output[32:], bytes(24), plain, context)
    if len(plain) != PLAIN_BYTES:
        with pytest.raises(InputError, match="parts of"):
            Row(output[:16], bytes(24), sealed)
        return
    with pytest.raises(NotTrusted, match=r"padding|no record"):
        open_row(Row(output[:16], bytes(24), sealed), output, PUBLISHER, "e")


def test_records_that_say_nothing_sound_are_refused() -> None:
    for change in (
        {"claim": "rule"},
        {"kind": "Email"},
        {"tactic": "a b"},
        {"confidence": -1},
        {"until": date(2026, 11, 19)},
    ):
        with pytest.raises(InputError):
            replace(example(), **change)  # type: ignore[arg-type]


def test_a_record_counts_to_its_last_day() -> None:
    assert not example().ended(date(2027, 2, 18))
    assert example().ended(date(2027, 2, 19))


def test_names_cannot_run_into_one_another() -> None:
    with pytest.raises(InputError, match="NUL"):
        seal(example(), bytes(64), PUBLISHER, "a\0b")
    with pytest.raises(InputError, match="NUL"):
        seal(example(), bytes(64), StixId(""), "a")


def test_an_output_has_64_bytes() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        tag_of(bytes(32))
    with pytest.raises(ValueError, match="64 bytes"):
        key_of(bytes(65))


def test_a_dummy_has_the_form_of_a_row_and_opens_for_nobody() -> None:
    output = bytes(range(64))
    row = dummy(output[:16])
    assert len(bytes(row)) == len(bytes(dummy())) == ROW_BYTES
    with pytest.raises(NotTrusted):
        open_row(row, output, PUBLISHER, "e")


def _members() -> dict[str, object]:
    return {
        "claim": example().claim,
        "confidence": 80,
        "first_seen": "2026-11-02",
        "kind": "email",
        "last_seen": "2026-11-20",
        "tactic": "rubric-grading",
        "until": "2027-02-18",
    }


def _opened(data: bytes) -> Record:
    output = bytes(range(64))
    context = b"stillwatch/record/v1\0" + PUBLISHER.encode() + b"\0e\0" + output[:16]
    plain = (data + b"\x80").ljust(PLAIN_BYTES, b"\0")
    sealed = aead.seal(output[32:], bytes(24), plain, context)
    return open_row(Row(output[:16], bytes(24), sealed), output, PUBLISHER, "e")
