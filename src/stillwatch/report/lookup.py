"""Find one account or campaign in a result, by id.

Rules
    - A campaign and an account may have the same id: all that match are returned.
    - An account that was not flagged has a row in ``accounts.parquet`` and is found there.
    - An unknown id names the closest ones: ids are long and are cut where they are shown.
"""

from dataclasses import dataclass
from typing import Any

import duckdb

from stillwatch.domain.finding import AccountFinding, CampaignFinding, CampaignId, Reason
from stillwatch.errors import InputError
from stillwatch.report import codec
from stillwatch.report.result import Result
from stillwatch.report.text import IDENT, plain

_CLOSEST = """
    SELECT id FROM (SELECT account_id AS id FROM accounts UNION SELECT unnest($campaigns) AS id)
    ORDER BY starts_with(id, $wanted) DESC, levenshtein(id, $wanted), id
    LIMIT 3
"""


@dataclass(frozen=True, slots=True)
class UnflaggedAccount:
    """An account that was read and not flagged: what its row in the accounts table says."""

    account_id: str
    score: float | None
    """None where the account had too little to judge, as is ``p_value``."""
    p_value: float | None
    campaign_id: CampaignId | None
    events: int
    reasons: tuple[Reason, ...]
    """Strongest first."""

    def record(self) -> dict[str, Any]:
        """Return it as JSON values, in the shape of a finding."""
        return {"kind": "account", "flagged": False, **codec.record(self)}


Entry = CampaignFinding | AccountFinding | UnflaggedAccount


def look_up(result: Result, wanted: str) -> tuple[Entry, ...]:
    """Return every finding or account with the id; ``InputError`` names the closest ids."""
    entries: list[Entry] = [c for c in result.campaigns if c.campaign_id == wanted]
    judged = [a for a in result.flagged if a.account_id == wanted]
    entries += judged or _unflagged(result, wanted)
    if entries:
        return tuple(entries)
    closest = ", ".join(plain(ident, IDENT) for ident in closest_ids(result, wanted))
    raise InputError(
        f"no account or campaign {plain(wanted, IDENT)!r} in {result.directory}",
        hint=f"closest: {closest}" if closest else "the result holds no accounts",
    )


def campaign_of(result: Result, campaign_id: CampaignId | None) -> CampaignFinding | None:
    """Return the reported campaign with this id, if there is one."""
    return next((c for c in result.campaigns if c.campaign_id == campaign_id), None)


def closest_ids(result: Result, wanted: str) -> list[str]:
    """At most three ids: those that begin with ``wanted``, then by fewest edits."""
    with duckdb.connect() as connection:
        connection.register("accounts", result.accounts(["account_id"]))
        campaigns = [str(c.campaign_id) for c in result.campaigns]
        rows = connection.execute(_CLOSEST, {"wanted": wanted, "campaigns": campaigns}).fetchall()
    return [row[0] for row in rows]


def _unflagged(result: Result, wanted: str) -> list[UnflaggedAccount]:
    rows = result.accounts(filters=[("account_id", "=", wanted)]).to_pylist()
    return [
        UnflaggedAccount(
            account_id=row["account_id"],
            score=_known(row["score"]),
            p_value=_known(row["p_value"]),
            campaign_id=row["campaign_id"],
            events=row["events"] or 0,
            reasons=tuple(Reason(**reason) for reason in row["reasons"] or ()),
        )
        for row in rows
    ]


def _known(value: float | None) -> float | None:
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN
