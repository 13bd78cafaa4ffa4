"""Inputs of nobody with outputs that are known: what shows a wrong answer without a proof.

Rules: they are made up from 128 random bits, so that they are no identifier's; blinded, they look
like any other element. Their outputs were proven once, when the epoch was taken up, and are kept
in the lab's store, for a key's outputs do not change while it holds.
"""

import random
import secrets
import threading
from collections.abc import Sequence
from typing import Final

from stillwatch.store import matching as kept
from stillwatch.store.database import Store
from stillwatch.store.matching import Canary

_HELD: Final = 64
_MOST: Final = 90
"""In one batch."""


class Canaries:
    """Those of one epoch's key; safe for several threads."""

    def __init__(self, store: Store, epoch: str, public: str, chance: random.Random) -> None:
        self._store, self._epoch, self._public, self._chance = store, epoch, public, chance
        self._lock = threading.Lock()
        with store.begin() as connection:
            self._known = kept.known_canaries(connection, epoch, public)

    def wanted(self) -> list[bytes]:
        """Inputs that are to be proven and kept; none if there are enough."""
        if self._known:
            return []
        return [f"v1|canary|{self._epoch}|{secrets.token_hex(16)}".encode() for _ in range(_HELD)]

    def keep(self, inputs: Sequence[bytes], outputs: Sequence[bytes]) -> None:
        """Keep canaries with their proven outputs."""
        made = [Canary(*pair) for pair in zip(inputs, outputs, strict=True)]
        with self._lock, self._store.begin() as connection:
            kept.replace_canaries(connection, self._epoch, self._public, made)
            self._known = made

    def forget(self) -> None:
        """Drop them all."""
        self.keep([], [])

    def mixed(
        self, inputs: Sequence[bytes], rate: float, *, first: bool
    ) -> tuple[list[bytes], dict[int, bytes]]:
        """Inputs with canaries at random places; outputs that are due at these places.

        ``first``: these evaluators have not been tried yet, so one is there in any case.
        """
        known = self._known
        count = min(int(len(inputs) * rate + self._chance.random()), _MOST, len(known))
        count = max(count, min(int(first and rate > 0), len(known)))
        if not count:
            return list(inputs), {}
        total = len(inputs) + count
        chosen = self._chance.sample(known, count)
        places = dict(zip(sorted(self._chance.sample(range(total), count)), chosen, strict=True))
        rest = iter(inputs)
        mixed = [places[at].input if at in places else next(rest) for at in range(total)]
        return mixed, {at: canary.output for at, canary in places.items()}
