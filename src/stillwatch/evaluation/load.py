"""Reads a detection result and its labels, and says what does not match."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.errors import EmptyInput, InputError, StoredDataError

_RESULT = ("account_id", "score", "p_value", "flagged", "campaign_id", "events")
_LABELS = ("account_id", "label", "kind", "campaign_id", "attack_share")
_KNOWN = {"benign", "distillation"}


@dataclass(frozen=True, slots=True)
class Judged:
    """Accounts that are both judged and labelled; columns of one length."""

    score: npt.NDArray[np.float64]
    """Higher is worse."""
    p_value: npt.NDArray[np.float64]
    """nan where the detector gave none."""
    flagged: npt.NDArray[np.bool_]
    events: npt.NDArray[np.int64]
    reported: tuple[str | None, ...]
    """Campaign it was put into."""
    hostile: npt.NDArray[np.bool_]
    kind: tuple[str, ...]
    """Population or tactic; ``unknown`` where the labels say nothing."""
    campaign: tuple[str | None, ...]
    """True campaign; an unnamed one for hostile accounts without campaign."""
    attack_share: npt.NDArray[np.float64]
    """Share of requests that serve a campaign; 1 where a hostile account has none stated."""
    missing: int
    """Labelled accounts that the result lacks."""
    missing_hostile: int
    """Hostile ones among them."""
    unlabelled: int
    """Judged accounts without a label; they are left out of every figure."""
    promised_fdr: float | None
    """False-discovery rate that the run promised, if it said so."""
    listed: frozenset[str]
    """Ids of the result's campaigns table."""


def load(result: Path, labels: Path) -> Judged:
    """Join a result directory with a labels file.

    Raises InputError for a missing file or column, a duplicated account, a null score or an
    unknown label; EmptyInput when no account is in both.
    """
    accounts = _table(result / "accounts.parquet", _RESULT)
    truth = _table(labels, _LABELS[:2], optional=_LABELS[2:])
    campaigns = _table(result / "campaigns.parquet", ("campaign_id",))
    _check_result(accounts, result / "accounts.parquet")
    _check_labels(truth, labels)
    joined = accounts.join(truth, "account_id", join_type="inner", right_suffix="_true")
    joined = joined.sort_by("account_id")
    if joined.num_rows == 0:
        raise EmptyInput(
            f"{labels} labels none of the accounts in {result}",
            hint="check that both belong to the same log",
        )
    missing = truth.filter(
        pc.invert(pc.is_in(truth["account_id"], accounts["account_id"].combine_chunks()))
    )
    lost = int(pc.sum(pc.equal(missing["label"], "distillation")).as_py() or 0)
    return _judged(
        joined,
        missing.num_rows,
        lost,
        accounts.num_rows - joined.num_rows,
        _promised(result / "summary.json"),
        frozenset(campaigns["campaign_id"].drop_null().to_pylist()),
    )


def read_labels(path: Path) -> pa.Table:
    """The labels file alone: ``account_id``, ``label``, ``kind``. Raises ``InputError``."""
    truth = _table(path, _LABELS[:2], optional=("kind",))
    _check_labels(truth, path)
    return truth


def _judged(
    joined: pa.Table,
    missing: int,
    missing_hostile: int,
    unlabelled: int,
    promised: float | None,
    listed: frozenset[str],
) -> Judged:
    bad = np.array([label == "distillation" for label in joined["label"].to_pylist()], dtype=bool)
    ids: Sequence[str] = joined["account_id"].to_pylist()
    campaign = joined["campaign_id_true"].to_pylist()
    share = joined["attack_share"].cast(pa.float64()).to_numpy()
    return Judged(
        score=joined["score"].cast(pa.float64()).to_numpy(),
        p_value=joined["p_value"].cast(pa.float64()).to_numpy(),
        flagged=np.array(joined["flagged"].to_pylist(), dtype=bool),
        events=joined["events"].cast(pa.int64()).to_numpy(),
        reported=tuple(joined["campaign_id"].to_pylist()),
        hostile=bad,
        kind=tuple(kind or "unknown" for kind in joined["kind"].to_pylist()),
        campaign=tuple(
            (name or f"account {account}") if is_bad else None
            for name, account, is_bad in zip(campaign, ids, bad, strict=True)
        ),
        attack_share=np.where(bad, np.where(np.isnan(share), 1.0, share), 0.0),
        missing=missing,
        missing_hostile=missing_hostile,
        unlabelled=unlabelled,
        promised_fdr=promised,
        listed=listed,
    )


def _table(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
    if not path.is_file():
        raise InputError(
            f"{path} does not exist",
            hint="give the directory that `stillwatch detect` wrote, and --labels FILE",
        )
    try:
        table = pq.read_table(path, partitioning=None)
    except pa.ArrowException as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({error})", hint="write it again"
        ) from error
    for name in columns:
        if name not in table.column_names:
            raise InputError(f"{path}: no column {name!r}", hint=f"it needs {', '.join(columns)}")
    types = {"attack_share": pa.float64()}
    for name in optional:
        if name not in table.column_names:
            table = table.append_column(
                name, pa.nulls(table.num_rows, types.get(name, pa.string()))
            )
    return table.select([*columns, *optional])


def _check_result(accounts: pa.Table, path: Path) -> None:
    _unique(accounts, path)
    for name in ("account_id", "score", "flagged", "events"):
        nulls = accounts[name].null_count
        if nulls:
            raise InputError(f"{path}: {nulls} rows have no {name}", hint="run detect again")
    if pc.any(pc.is_nan(accounts["score"].cast(pa.float64()))).as_py():
        raise InputError(f"{path}: a score is not a number", hint="run detect again")


def _check_labels(truth: pa.Table, path: Path) -> None:
    _unique(truth, path)
    strange = set(truth["label"].unique().to_pylist()) - _KNOWN
    if strange:
        raise InputError(
            f"{path}: unknown label {sorted(map(str, strange))[0]!r}",
            hint="labels are 'benign' and 'distillation'",
        )


def _unique(table: pa.Table, path: Path) -> None:
    counts = pc.value_counts(table["account_id"].combine_chunks())
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        first = twice[0]["values"].as_py()
        raise InputError(
            f"{path}: {len(twice)} accounts occur more than once, first {first!r}",
            hint="keep one row per account",
        )


def _promised(path: Path) -> float | None:
    """The promised false-discovery rate; None when the result does not state one."""
    if not path.is_file():
        return None
    try:
        fdr = orjson.loads(path.read_bytes()).get("fdr")
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise StoredDataError(f"{path} is damaged ({error})", hint="run detect again") from error
    return float(fdr) if isinstance(fdr, int | float) else None
