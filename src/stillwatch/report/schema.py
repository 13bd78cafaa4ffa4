"""The tables of a result directory, so that DuckDB, pandas or Spark can read them as they are.

Rules
    - ``accounts.parquet`` has one row per account that was read, flagged or not.
    - ``campaigns.parquet`` has one row per reported campaign, its members as a list.
    - Neither holds a prompt: exemplars are in ``findings.jsonl`` and ``report.html`` only.

>>> ACCOUNTS_RESULT_SCHEMA.names[:4]
['account_id', 'score', 'p_value', 'flagged']
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.domain.finding import CampaignFinding

_INSTANT = pa.timestamp("us", tz="UTC")
_REASONS = pa.list_(
    pa.struct(
        [
            ("signal", pa.string()),
            ("value", pa.float64()),
            ("benign_percentile", pa.float64()),
            ("sentence", pa.string()),
        ]
    )
)
_LINKS = pa.list_(
    pa.struct(
        [
            ("kind", pa.string()),
            ("accounts", pa.int64()),
            ("weight", pa.float64()),
            ("sentence", pa.string()),
        ]
    )
)

ACCOUNTS_RESULT_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("score", pa.float64()),
        ("p_value", pa.float64()),
        ("flagged", pa.bool_()),
        ("campaign_id", pa.string()),
        ("events", pa.int64()),
        ("reasons", _REASONS),
    ]
)

CAMPAIGNS_RESULT_SCHEMA = pa.schema(
    [
        ("campaign_id", pa.string()),
        ("accounts", pa.int64()),
        ("members", pa.list_(pa.string())),
        ("events", pa.int64()),
        ("first_seen", _INSTANT),
        ("last_seen", _INSTANT),
        ("score", pa.float64()),
        ("p_value", pa.float64()),
        ("links", _LINKS),
        ("reasons", _REASONS),
    ]
)


def conform_accounts(accounts: pa.Table) -> pa.Table:
    """Return the table with ``ACCOUNTS_RESULT_SCHEMA``, its columns in that order.

    Widening casts (``large_string``, ``int32``) are made. Raises ``ValueError`` for a missing or
    unknown column, a type that cannot be cast, and an account that is null or comes twice.
    """
    expected = ACCOUNTS_RESULT_SCHEMA.names
    if missing := [name for name in expected if name not in accounts.column_names]:
        raise ValueError(f"accounts table lacks {', '.join(missing)}")
    if extra := [name for name in accounts.column_names if name not in expected]:
        raise ValueError(f"accounts table has columns no reader expects: {', '.join(extra)}")
    try:
        table = accounts.select(expected).cast(ACCOUNTS_RESULT_SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"accounts table cannot be written: {error}") from error
    for name in ("account_id", "flagged"):
        if table[name].null_count:
            raise ValueError(f"accounts table: {name} is null in {table[name].null_count} rows")
    if (distinct := pc.count_distinct(table["account_id"]).as_py()) != table.num_rows:
        raise ValueError(f"accounts table: {table.num_rows - distinct} rows repeat an account_id")
    return table


def campaigns_table(campaigns: Sequence[CampaignFinding]) -> pa.Table:
    """Return one row per campaign in ``CAMPAIGNS_RESULT_SCHEMA``, in the order given."""
    return pa.Table.from_pylist([_campaign_row(c) for c in campaigns], CAMPAIGNS_RESULT_SCHEMA)


def _campaign_row(campaign: CampaignFinding) -> dict[str, Any]:
    row = {name: getattr(campaign, name, None) for name in CAMPAIGNS_RESULT_SCHEMA.names}
    row["accounts"] = len(campaign.accounts)
    row["members"] = list(campaign.accounts)
    row["links"] = [asdict(link) for link in campaign.links]
    row["reasons"] = [asdict(reason) for reason in campaign.reasons]
    return row
