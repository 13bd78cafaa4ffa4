import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs_support import write_lines

from stillwatch.errors import EmptyInput, InputError
from stillwatch.logs import ACCOUNTS_SCHEMA, Tally, read_accounts
from stillwatch.logs.remarks import about_records

ROWS = [
    {"account_id": "a", "created_at": "2026-01-02T03:04:05Z", "email": "a@example.org", "verified": True},
    {"account_id": "b", "created_at": "2026-01-03T00:00:00+01:00", "country": "DE", "verified": False},
]  # fmt: skip


def csv_of(rows):
    names = ["account_id", "created_at", "email", "country", "verified", "ignored"]
    lines = [",".join(str(row.get(name, "")) for name in names) for row in rows]
    return "\n".join([",".join(names), *lines]) + "\n"


def test_the_same_table_from_every_format(tmp_path):
    (tmp_path / "a.csv").write_text(csv_of(ROWS))
    write_lines(tmp_path / "a.jsonl", ROWS)
    rows = [{"email": None, "country": None, **row} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    tables = [read_accounts(tmp_path / name) for name in ("a.csv", "a.jsonl", "a.parquet")]
    for table in tables:
        assert table.schema == ACCOUNTS_SCHEMA
        assert table.equals(tables[0])
    assert tables[0].column("created_at").to_pylist()[1] == dt.datetime(
        2026, 1, 2, 23, tzinfo=dt.UTC
    )
    assert tables[0].column("verified").to_pylist() == [True, False]


def test_an_account_listed_twice_names_both_lines(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [*ROWS, {"account_id": "a"}])
    with pytest.raises(InputError, match="'a' is listed twice, in lines 1 and 3"):
        read_accounts(path)
    (tmp_path / "a.csv").write_text(csv_of([*ROWS, ROWS[1]]))
    with pytest.raises(InputError, match="'b' is listed twice, in lines 3 and 4"):
        read_accounts(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"account_id": "a"}\n{"email": "x"}\n', "line 2: no account_id"),
        ('{"account_id": "a"}\n{"account_id": \n', "line 2: not JSON"),
        ('{"email": "x"}\n', "no column 'account_id'"),
        ("email,phone\nx,1\n", "no column 'account_id'"),
        ("account_id,email\na\n", "line 2: wrong number of fields"),
        ("account_id,email\n,x\n", "line 2: no account_id"),
        ("account_id,email,email\na,x,y\n", "the column 'email' twice"),
        ("account_id\na\n", "nothing but ids"),
        ("account_id,colour\na,red\n", "nothing but ids"),
        ('{"account_id": "a"}\n{"account_id": "b", "colour": "red"}\n', "nothing but ids"),
    ],
)
def test_faults_are_named(tmp_path, text, message):
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_accounts(path)


def test_no_account_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("account_id\n")
    (tmp_path / "b.csv").write_text("")
    pq.write_table(pa.table({"account_id": pa.array([], pa.string())}), tmp_path / "c.parquet")
    for name in ("a.csv", "b.csv", "c.parquet"):
        with pytest.raises(EmptyInput):
            read_accounts(tmp_path / name)


def test_cells_of_the_wrong_type_are_counted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("account_id,created_at,verified\na,soon,maybe\nb,2026-01-01,true\n")
    tally = Tally()
    table = read_accounts(path, tally)
    assert table.column("verified").to_pylist() == [None, True]
    assert +tally.cells == {"created_at": 1, "verified": 1}
    assert about_records(table, ["a", "b", "c"], tally) == (
        "1 of 3 accounts in the log have no account record",
        "account records: 2 values were not of their column's type, taken as absent: "
        "created_at (1), verified (1)",
    )


def test_a_folder_or_a_pattern_is_not_one_file(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(csv_of(ROWS))
    for path in (tmp_path, tmp_path / "*.csv"):
        with pytest.raises(InputError, match="not one file"):
            read_accounts(path)
