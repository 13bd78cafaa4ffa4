"""The ``next`` of a page: where the one before ended, sealed with a secret of the database.

Rules: a mark is an instant (``date_added`` of the last object shown) and nothing else, so any
worker can read it, it can be used again, and it stays good after restarts. It is sealed for one
collection: what a client makes up, or brings from elsewhere, is refused rather than guessed at.
"""

import base64
import binascii
import hmac
from typing import Final

_TAG: Final = 12
_INSTANT: Final = 8


class Marks:
    """Makes and reads marks; one for a worker."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, collection: str, at: int) -> str:
        """The mark behind an instant."""
        instant = at.to_bytes(_INSTANT, "big", signed=True)
        return base64.urlsafe_b64encode(instant + self._seal(collection, instant)).decode()

    def read(self, collection: str, mark: str) -> int:
        """The instant of a mark. Raises ``ValueError`` for one that was not made here."""
        try:
            raw = base64.b64decode(mark.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError) as error:
            raise ValueError("no mark") from error
        instant, seal = raw[:_INSTANT], raw[_INSTANT:]
        if not hmac.compare_digest(seal, self._seal(collection, instant)):
            raise ValueError("no mark of this collection")
        return int.from_bytes(instant, "big", signed=True)

    def _seal(self, collection: str, instant: bytes) -> bytes:
        return hmac.digest(self._secret, collection.encode() + b"\0" + instant, "sha256")[:_TAG]
