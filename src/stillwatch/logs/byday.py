"""Events told apart by their own day: the day goes before the account, so every engine keeps it.

>>> batch = pa.RecordBatch.from_pydict(
...     {"timestamp": pa.array([86_400_000_000], pa.timestamp("us", "UTC")), "account_id": ["a"]}
... )
>>> untagged(tagged(batch).column("account_id")[0].as_py())
(1, 'a')
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DAY_US: Final = 86_400_000_000
_SIGN: Final = "\x1f"
"""Stands between day and account; an account id may hold it too, only the first one counts."""


def tagged(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with the day (of UTC, counted from 1970) before each account id."""
    days = batch.column("timestamp").view(pa.int64()).to_numpy() // DAY_US
    known, which = np.unique(days, return_inverse=True)
    tags = pa.array([f"{day}{_SIGN}" for day in known.tolist()], pa.string()).take(pa.array(which))
    place = batch.schema.get_field_index("account_id")
    ids = pc.binary_join_element_wise(tags, batch.column(place), "")
    return batch.set_column(place, "account_id", ids)


def untagged(tag: str) -> tuple[int, str]:
    """Day and account of a tagged account id."""
    day, _, account = tag.partition(_SIGN)
    return int(day), account
