"""Quick judgements: what changed since the last one, by the statistics of the last full one.

The result has the form of a full one, of the accounts and campaigns that were touched alone. What it
cannot tell is left to the full one: rules of other members, links by infrastructure and sign-up (they
are shown as evidence and decide nothing), the result directory.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from stillwatch.detection import travelling
from stillwatch.detection.exempt import align, exemptions
from stillwatch.detection.findings import Narrator
from stillwatch.detection.frozen import Frozen
from stillwatch.detection.judge import Judgement
from stillwatch.detection.near import Near, Seen
from stillwatch.detection.part import MOST, People
from stillwatch.domain.finding import AccountFinding, CampaignFinding, Link
from stillwatch.pipeline import Assessed, Grounds
from stillwatch.profiles.table import ProfileTable

__all__ = ["MOST", "Found", "Quick"]

Naming = Callable[[Judgement, Sequence[str]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a judgement says, for those who act on it."""

    flagged: Sequence[AccountFinding]
    campaigns: Sequence[CampaignFinding]
    accounts: int
    """Of the window."""
    events: int
    self_calibrated: bool
    reference_accounts: int
    began: float
    """When its profiles stood as they were judged, on the monotonic clock."""
    quick: datetime | None = None
    """None: a full judgement. Else when that was made whose statistics a quick one took."""

    @classmethod
    def of(cls, assessed: Assessed, events: int, began: float) -> "Found":
        """Of a full judgement."""
        judgement = assessed.judgement
        return cls(
            assessed.flagged, assessed.campaigns, assessed.accounts.num_rows, events,
            judgement.self_calibrated, judgement.reference_accounts, began,
        )  # fmt: skip


class Quick:
    """Judges what changed since one full judgement."""

    def __init__(
        self, table: ProfileTable, assessed: Assessed, grounds: Grounds, people: People
    ) -> None:
        """``table`` is what was judged, in its order."""
        self._grounds, self.made = grounds, datetime.now(UTC)
        exempt = self._exempt(table.account_ids)
        options = travelling.own_part(grounds.config.detection, grounds.shared)
        frozen = Frozen.of(assessed.judgement, table.profiles, table.account_ids, exempt, options)
        self._near = Near(frozen, people, self._exempt)

    @property
    def stale(self) -> bool:
        """Whether the statistics are too old to decide by."""
        return self._near.stale

    def look(
        self, account_ids: Sequence[str], grounds: Grounds, naming: Naming
    ) -> tuple[Seen, Found]:
        """Judge accounts that changed, at most ``MOST``. Nothing is found by what is stale."""
        self._grounds, began = grounds, time.monotonic()
        seen = self._near.look(account_ids)
        near, judgement = self._near, seen.judgement
        if near.stale:
            empty = Found((), (), near.accounts, near.events, True, 0, began, self.made)
            return replace(seen, waits=("the statistics are too old",)), empty
        if grounds.shared:  # as if beside rules that match nobody
            weighed = judgement.p_values / (1 - travelling.SHARE_OF_RATE)
            judgement = replace(judgement, p_values=np.minimum(1.0, weighed))
        ids = seen.account_ids
        records = align(grounds.records, ids) if grounds.records is not None else None
        narrator = _Narrator(
            ids, seen.profiles, judgement, grounds.rules,
            exemptions(ids, records, grounds.config.allowed), grounds.config.detection.hub_share,
            records, names=tuple(naming(judgement, ids)),
        )  # fmt: skip
        return seen, Found(
            narrator.accounts(), narrator.campaigns(), near.accounts, near.events,
            judgement.self_calibrated, judgement.reference_accounts, began, self.made,
        )  # fmt: skip

    def _exempt(self, account_ids: Sequence[str]) -> npt.NDArray[np.bool_]:
        grounds = self._grounds
        records = align(grounds.records, account_ids) if grounds.records is not None else None
        excused = exemptions(account_ids, records, grounds.config.allowed)
        return np.array([why is not None for why in excused], dtype=np.bool_)


class _Narrator(Narrator):
    def _links(self, members: npt.NDArray[np.int64]) -> tuple[Link, ...]:
        """How rare a key is, only the whole window tells."""
        del members
        return ()
