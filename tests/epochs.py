"""An epoch with its shares, drawn by a dealer, for tests that need one."""

import warnings
from dataclasses import dataclass
from datetime import date

from stillwatch.crypto.epoch import Epoch, Evaluator, days_from
from stillwatch.crypto.epoch_document import sign, signed
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.statements import Key
from stillwatch.crypto.threshold import KeyShare, unsafe_dealer


@dataclass(frozen=True)
class DealtEpoch:
    epoch: Epoch
    shares: tuple[KeyShare, ...]
    keys: tuple[SigningKey, ...]

    @property
    def known(self):
        """The members' keys as the log would state them."""
        return {
            key.id: Key(key.id, member(place), key.public, place)
            for place, key in enumerate(self.keys)
        }

    @property
    def document(self):
        return signed(self.epoch, {key.id: sign(self.epoch, key) for key in self.keys})


def member(place):
    return f"identity--00000000-0000-4000-8000-{place:012x}"


def dealt_epoch(
    threshold=2,
    holders=3,
    name="2026-q4",
    starts=date(2026, 10, 1),
    urls=None,
    secret=None,
    keys=None,
):
    """An epoch of ``holders`` evaluators; ``urls`` are where they answer."""
    keys = keys or tuple(SigningKey.generate() for _ in range(holders))
    urls = urls or [f"https://e{place}.example.com" for place in range(holders)]
    with warnings.catch_warnings(action="ignore"):
        dealt = unsafe_dealer(threshold, holders, secret=secret)
    evaluators = tuple(
        Evaluator(share.index, member(place), keys[place].id, urls[place], share.public.element)
        for place, share in enumerate(dealt.shares)
    )
    epoch = Epoch(name, threshold, evaluators, dealt.public_key, 0, *days_from(starts))
    return DealtEpoch(epoch, dealt.shares, tuple(keys))
