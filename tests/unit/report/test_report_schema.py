import pyarrow as pa
import pytest
from report_samples import sample

from stillwatch.report.schema import ACCOUNTS_RESULT_SCHEMA, campaigns_table, conform_accounts


def accounts():
    return sample()[1]


def test_columns_are_put_in_order_and_widened():
    table = accounts()
    shuffled = table.select(table.column_names[::-1])
    wide = shuffled.set_column(
        shuffled.column_names.index("account_id"),
        "account_id",
        shuffled["account_id"].cast(pa.large_string()),
    )
    assert conform_accounts(wide).equals(table)


@pytest.mark.parametrize("name", ACCOUNTS_RESULT_SCHEMA.names)
def test_a_missing_column_is_named(name):
    with pytest.raises(ValueError, match=f"lacks {name}"):
        conform_accounts(accounts().drop_columns([name]))


def test_an_unknown_column_is_not_dropped_in_silence():
    table = accounts()
    with pytest.raises(ValueError, match="no reader expects: mood"):
        conform_accounts(table.append_column("mood", pa.nulls(table.num_rows, pa.string())))


def test_a_type_that_cannot_be_cast_is_named():
    table = accounts()
    bad = table.set_column(1, "score", pa.array(["high"] * table.num_rows))
    with pytest.raises(ValueError, match="cannot be written"):
        conform_accounts(bad)


def test_an_account_that_comes_twice_is_refused():
    table = accounts()
    with pytest.raises(ValueError, match="1 rows repeat an account_id"):
        conform_accounts(pa.concat_tables([table, table.slice(0, 1)]))


@pytest.mark.parametrize("name", ["account_id", "flagged"])
def test_a_null_is_refused_where_it_means_nothing(name):
    table = accounts()
    at = table.column_names.index(name)
    nulls = pa.nulls(table.num_rows, ACCOUNTS_RESULT_SCHEMA.field(name).type)
    with pytest.raises(ValueError, match=f"{name} is null"):
        conform_accounts(table.set_column(at, name, nulls))


def test_no_campaigns_is_an_empty_table():
    assert campaigns_table([]).num_rows == 0
