"""A tagger over threshold evaluators in this process: what is asked over HTTP, without HTTP."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache

from stillwatch.crypto.oprf import blind, finalize
from stillwatch.crypto.threshold import (
    Dealt,
    Quorum,
    combine,
    evaluate_share,
    proof_context,
    unsafe_dealer,
    verify_part,
)
from stillwatch.errors import PeerError


@dataclass(frozen=True)
class TestEpoch:
    """What is needed of an epoch."""

    __test__ = False
    name: str
    public_key: bytes
    ends: date


@cache
def dealt(name: str) -> Dealt:
    """Shares of an epoch's key, 2 of 3; the same for the same name within a run."""
    assert name
    with warnings.catch_warnings(action="ignore"):
        return unsafe_dealer(2, 3)


@dataclass
class InProcess:
    """Asks two of three evaluators, and checks their proofs where asked."""

    name: str = "2026-q4"
    days: int = 60
    """Until the epoch ends."""
    asked: list[int] = field(default_factory=list)
    """Sizes of the batches."""
    proofs: int = 0
    fails_after: int | None = None
    """Batches after which nobody answers."""

    @property
    def epoch(self) -> TestEpoch:
        last = datetime.now(UTC).date() + timedelta(days=self.days)
        return TestEpoch(self.name, dealt(self.name).public_key, last)

    def outputs(self, inputs: Sequence[bytes], *, proven: bool) -> list[bytes]:
        if self.fails_after is not None and len(self.asked) >= self.fails_after:
            raise PeerError("no quorum answers", hint="try again later")
        self.asked.append(len(inputs))
        keys, quorum = dealt(self.name), Quorum.of([1, 3])
        blinds, blinded = blind(list(inputs))
        parts = []
        for index in quorum.indices:
            context = proof_context(self.name, 1, index) if proven else None
            part = evaluate_share(keys.shares[index - 1], quorum, blinded, context=context)
            if context is not None:
                verify_part(part, keys.public_shares[index - 1], quorum, blinded, context)
                self.proofs += 1
            parts.append(part)
        return finalize(list(inputs), blinds, combine(parts, quorum))
