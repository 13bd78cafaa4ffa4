"""Who is never flagged, whatever the score: allow-listed accounts and agreed uses.

Exemptions win over every score and say so. Exempt accounts are still scored, so that a report
can show what an agreed exception covers.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def align(records: pa.Table, account_ids: Sequence[str]) -> pa.Table:
    """Account records in the order of ``account_ids``; null rows for accounts without one."""
    wanted = pa.array(account_ids, pa.string())
    where = pc.index_in(wanted, value_set=records.column("account_id").combine_chunks())
    return records.take(where)


def exemptions(
    account_ids: Sequence[str], records: pa.Table | None, allowed: frozenset[str]
) -> list[str | None]:
    """Why each account is exempt, or None. ``records`` as from ``align``."""
    agreed: list[str | None] = [None] * len(account_ids)
    if records is not None:
        agreed = records.column("authorized_use").to_pylist()
    return [
        "on the allow list of the configuration"
        if account in allowed
        else (f"authorised use: {use}" if use else None)
        for account, use in zip(account_ids, agreed, strict=True)
    ]
