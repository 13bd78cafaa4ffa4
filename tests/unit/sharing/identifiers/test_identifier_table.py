"""Tables of customers in every shape a house exports, to identifiers by customer."""

import gzip
import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.errors import ConfigError, EmptyInput, InputError, TooManyBadRows
from stillwatch.sharing.identifiers import Reason, Tally
from stillwatch.sharing.identifiers.fields import Field, Layout
from stillwatch.sharing.identifiers.table import CustomerTable, record_identifiers

ROWS: list[dict[str, Any]] = [
    {
        "customer_id": "c1", "E-Mail": "Ann+x@Widgets.de", "phone_number": "020 7946 1234",
        "country": "GB", "signup_ip": "8.8.8.8", "note": "keen",
    },
    {
        "customer_id": "c2", "E-Mail": "n/a", "phone_number": "(201) 555-9123",
        "country": "US", "signup_ip": "10.0.0.1", "note": "",
    },
    {
        "customer_id": "c3", "E-Mail": "bob@gmail.com", "phone_number": "",
        "country": "", "signup_ip": "", "note": "",
    },
]  # fmt: skip


def ident(kind: Kind, value: str) -> Identifier:
    return Identifier(kind, NormalForm(value))


EXPECTED = [
    ("c1", ident(Kind.EMAIL, "ann+x@widgets.de")),
    ("c1", ident(Kind.EMAIL_LOOSE, "ann@widgets.de")),
    ("c1", ident(Kind.DOMAIN, "widgets.de")),
    ("c1", ident(Kind.PHONE, "+442079461234")),
    ("c1", ident(Kind.IP4, "8.8.8.8")),
    ("c1", ident(Kind.IP4_24, "8.8.8.0/24")),
    ("c2", ident(Kind.PHONE, "+12015559123")),
    ("c3", ident(Kind.EMAIL, "bob@gmail.com")),
    ("c3", ident(Kind.EMAIL_LOOSE, "bob@gmail.com")),
]
REFUSED = {
    (Kind.EMAIL, Reason.PLACEHOLDER): 1,
    (Kind.PHONE, Reason.EMPTY): 1,
    (Kind.IP4, Reason.PRIVATE_ADDRESS): 1,
    (Kind.IP4, Reason.EMPTY): 1,
}


def as_csv(path: Path, rows: Sequence[dict[str, Any]], mark: str = ",") -> None:
    lines = [mark.join(rows[0]), *(mark.join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def as_tsv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    as_csv(path, rows, "\t")


def as_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def as_array(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text(json.dumps(list(rows), indent=1), encoding="utf-8")


def as_gzip(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    as_jsonl(path, rows)
    path.write_bytes(gzip.compress(path.read_bytes()))


def as_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)


WRITERS = [as_csv, as_tsv, as_jsonl, as_array, as_gzip, as_parquet]
Writer = Callable[[Path, Sequence[dict[str, Any]]], None]


def pairs_of(table: CustomerTable, tally: Tally, **options: int) -> list[tuple[str, Identifier]]:
    return [pair for batch in table.batches(tally, **options) for pair in batch.pairs]


@pytest.mark.parametrize("write", WRITERS)
def test_every_shape_gives_the_same_identifiers_and_counts(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "customers"
    write(path, ROWS)
    table, tally = CustomerTable(path), Tally()
    assert pairs_of(table, tally) == EXPECTED
    assert dict(tally.refused) == REFUSED
    assert table.plan.ignored == ("note",)
    assert table.plan.read[Field.PHONE] == ("phone_number",)
    assert not table.bad_rows


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_batches_keep_rows_whole_and_a_run_goes_on_where_it_stopped(
    tmp_path: Path, write: Writer, size: int
) -> None:
    path = tmp_path / "customers"
    write(path, ROWS)
    done: list[tuple[str, Identifier]] = []
    for batch in CustomerTable(path).batches(Tally(), size=size):
        done += batch.pairs
        rest = pairs_of(CustomerTable(path), Tally(), after=batch.last_row)
        assert done + rest == EXPECTED
    assert pairs_of(CustomerTable(path), Tally(), after=3) == []


def test_values_may_be_lists_and_numbers(tmp_path: Path) -> None:
    rows = [
        {"id": 7, "email": ["a1@widgets.de", "b1@widgets.de", 5, None], "phone": 442079461234},
        {"id": 8, "phone": 2079461234.0, "email": {"work": "x"}},
        {"id": 9, "phone": True, "email": []},
    ]
    as_jsonl(tmp_path / "c", rows)
    table, tally = CustomerTable(tmp_path / "c", Layout(region="GB")), Tally()
    found = pairs_of(table, tally)
    assert ("7", ident(Kind.EMAIL, "b1@widgets.de")) in found
    assert [one for one in found if one[1].kind is Kind.PHONE] == [
        ("7", ident(Kind.PHONE, "+442079461234")),
        ("8", ident(Kind.PHONE, "+442079461234")),
    ]
    assert found.count(("7", ident(Kind.DOMAIN, "widgets.de"))) == 1
    assert tally.refused == {
        (Kind.EMAIL, Reason.PLACEHOLDER): 1,  # a digit
        (Kind.EMAIL, Reason.MALFORMED): 1,  # an object
        (Kind.EMAIL, Reason.EMPTY): 1,
        (Kind.PHONE, Reason.MALFORMED): 1,
    }


def test_a_key_that_only_later_records_have_is_read(tmp_path: Path) -> None:
    early = [{"account_id": f"a{at}", "email": f"u{at}@widgets.de"} for at in range(300)]
    late = {"user_id": "z", "telephone": "+442079461234"}
    as_jsonl(tmp_path / "c", [*early, late])
    tally = Tally()
    found = pairs_of(CustomerTable(tmp_path / "c"), tally)
    assert found[-1] == ("z", ident(Kind.PHONE, "+442079461234"))
    assert tally.refused == {(Kind.EMAIL, Reason.EMPTY): 1}


def test_ja4_and_its_network_are_one_identifier(tmp_path: Path) -> None:
    ja4 = "t13d1516h2_8daaf6152771_02713d6af862"
    as_csv(
        tmp_path / "c", [{"id": 1, "ja4": ja4, "asn": "AS15169"}, {"id": 2, "ja4": ja4, "asn": ""}]
    )
    tally = Tally()
    assert pairs_of(CustomerTable(tmp_path / "c"), tally) == [
        ("1", ident(Kind.JA4_ASN, f"{ja4}+15169"))
    ]
    assert tally.refused == {(Kind.JA4_ASN, Reason.MALFORMED): 1}


def test_own_names_are_mapped_and_a_name_that_is_not_there_is_told(tmp_path: Path) -> None:
    as_csv(tmp_path / "c", [{"kunde": "k1", "post": "a1@widgets.de", "karte": "abcd1234", "id": 5}])
    columns = {"kunde": Field.ROW_ID, "post": Field.EMAIL, "karte": Field.PAYMENT}
    table = CustomerTable(tmp_path / "c", Layout(columns, processor="Acquirer"))
    found = pairs_of(table, Tally())
    assert ("k1", ident(Kind.PAYMENT, "acquirer:abcd1234")) in found
    with pytest.raises(ConfigError, match=r"'brief'.*kunde, post"):
        CustomerTable(tmp_path / "c", Layout({"brief": Field.EMAIL}))


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", EmptyInput, "empty"),
        ("customer_id,email\n", EmptyInput, "no customer"),
        ("name,email\nx,a@b.de\n", InputError, "names the customer.*name"),
        ("id,name\n1,x\n", InputError, "no column with identifiers.*name"),
        ("id,email,email\n1,x,y\n", InputError, "twice"),
        ('{"email": "a@b.de", "x": 1}\n', InputError, "names the customer"),
        ('{"id": null, "email": "secret@b.de"}\n', InputError, "no row id"),
        ("PAR1 and no more", InputError, "Parquet"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, error: type[Exception], says: str
) -> None:
    (tmp_path / "c").write_text(text, encoding="utf-8")
    with pytest.raises(error, match=says) as refused:
        pairs_of(CustomerTable(tmp_path / "c"), Tally())
    assert "secret" not in str(refused.value)


def test_bad_rows_are_counted_and_their_neighbours_read(tmp_path: Path) -> None:
    text = "id,email\n1,a1@widgets.de\n2,x,y,z\n,b1@widgets.de\n4,d1@widgets.de\n"
    (tmp_path / "c").write_text(text, encoding="utf-8")
    table = CustomerTable(tmp_path / "c")
    assert {row for row, _ in pairs_of(table, Tally())} == {"1", "4"}
    assert dict(table.bad_rows) == {"wrong number of fields": 1, "no row id": 1}


def test_a_file_of_garbage_stops_early_without_quoting_it(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("id,email\n" + "1,secret,x\n" * 5000, encoding="utf-8")
    with pytest.raises(TooManyBadRows) as stopped:
        pairs_of(CustomerTable(tmp_path / "c"), Tally())
    assert "secret" not in str(stopped.value)


@pytest.mark.parametrize("write", [as_csv, as_parquet])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, write: Writer) -> None:
    rows = 15_000
    write(tmp_path / "c", [{"id": f"c{at}", "email": f"u{at}@widgets.de"} for at in range(rows)])
    tracemalloc.start()
    seen = sum(
        len(batch.pairs) for batch in CustomerTable(tmp_path / "c").batches(Tally(), size=99)
    )
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 3 * rows
    assert most < 100 * seen  # a pair alone takes about 300 bytes; the reader's buffer 2 MB


def test_one_sign_up_is_read_by_the_same_names() -> None:
    tally = Tally()
    record = {"email": "Ann@Widgets.de", "ip": "8.8.8.8", "plan": "pro"}
    found, planned = record_identifiers(record, Layout(), tally)
    assert [one.kind for one in found] == [
        Kind.EMAIL, Kind.EMAIL_LOOSE, Kind.DOMAIN, Kind.IP4, Kind.IP4_24,
    ]  # fmt: skip
    assert planned.ignored == ("plan",)
    with pytest.raises(InputError, match="no key with an identifier"):
        record_identifiers({"plan": "pro"}, Layout(), tally)


def test_a_kind_that_is_mostly_refused_is_told(tmp_path: Path) -> None:
    rows = [
        {"id": at, "email": f"u{at}@widgets.de", "phone": "020 7946 1234", "ip": "2a00::1"}
        for at in range(3)
    ]
    as_csv(tmp_path / "c", [*rows, {"id": 9, "email": "n/a", "phone": "", "ip": "10.0.0.1"}])
    tally = Tally()
    pairs_of(CustomerTable(tmp_path / "c"), tally)
    assert tally.warnings() == ["3 of 3 values of phone cannot be matched, most of them: no-region"]
    assert Tally().merge([tally]).warnings() == tally.warnings()
