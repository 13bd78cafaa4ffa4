"""What private matching asks of those who evaluate, and where bytes of an output go.

Rule: an output is as secret as its identifier. It is not logged, not kept in a pack, and no error
or ``repr`` shows it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, Protocol

OUTPUT_BYTES: Final = 64
TAG_BYTES: Final = 16
_KEY: Final = slice(32, 64)


class KeyEpoch(Protocol):
    """What is needed of an epoch here; ``crypto.epoch.Epoch`` is one."""

    @property
    def name(self) -> str:
        """As it stands in inputs, records and claims."""

    @property
    def public_key(self) -> bytes:
        """Key under which all its tags are made, 32 bytes."""

    @property
    def ends(self) -> date:
        """Last day on which anybody answers under it."""


class Tagger(Protocol):
    """Gives OPRF outputs: over HTTP from a quorum of evaluators, or in process."""

    @property
    def epoch(self) -> KeyEpoch:
        """The epoch under whose key it answers."""

    def outputs(self, inputs: Sequence[bytes], *, proven: bool) -> list[bytes]:
        """Outputs of 64 bytes, in the order of the inputs; any number of inputs.

        With ``proven`` every answer was checked against the public shares. Raises ``PeerError``
        if no quorum answers, ``NotTrusted`` if one answers wrongly and no other is left.
        """


def tag_of(output: bytes) -> bytes:
    """Lookup tag of an output, 16 bytes. Raises ``ValueError`` for what is no output."""
    return _sized(output)[:TAG_BYTES]


def key_of(output: bytes) -> bytes:
    """Key of the record under an output, 32 bytes. Raises ``ValueError`` for what is no output."""
    return _sized(output)[_KEY]


def _sized(output: bytes) -> bytes:
    if len(output) != OUTPUT_BYTES:
        raise ValueError(f"an output has {OUTPUT_BYTES} bytes, not {len(output)}")
    return output
