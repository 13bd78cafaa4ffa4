"""The messages of a ceremony: one envelope, signed by its sender's key.

::

    {"type": "stillwatch-ceremony", "ceremony": ID, "round": "commit", "from": I,
     "body": {...}, "signature": detached JWS over the canonical message without "signature"}

Rules: a message that does not fit names its sender where it can (``CeremonyFault.culprit``), but
only a signature that holds makes a culprit of it: anyone can write a name.
"""

import json
from typing import Any, Final, Literal, TypeAlias

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.ceremony.plan import Plan, Seat
from stillwatch.crypto.encoding import unb64url
from stillwatch.crypto.jws import sign_detached, verify_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import InputError, NotTrusted

Message: TypeAlias = dict[str, Any]
Round: TypeAlias = Literal["commit", "deal", "complaint"]

MAX_BYTES: Final = 65_536
"""Of a message as JSON."""
_TYPE: Final = "stillwatch-ceremony"
_MEMBERS: Final = frozenset(("type", "ceremony", "round", "from", "body", "signature"))


class CeremonyFault(NotTrusted):
    """A message, or its sender, breaks the ceremony."""

    def __init__(self, message: str, *, culprit: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.culprit = culprit
        """Index of who is to blame, if its own signature shows it."""


def read(data: bytes) -> Message:
    """Parse a message's text; nothing is verified yet."""
    if len(data) > MAX_BYTES:
        raise InputError(f"a message of a ceremony has at most {MAX_BYTES} bytes, not {len(data)}")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the message is no JSON: {error}") from error
    if not isinstance(message, dict):
        raise InputError("the message is no JSON object")
    return message


def write(plan: Plan, kind: Round, seat: Seat, key: SigningKey, body: dict[str, Any]) -> Message:
    """Make and sign a message."""
    if key.id != seat.key_id:
        raise InputError(f"key {key.id} is not that of {seat}")
    message = {
        "type": _TYPE,
        "ceremony": plan.id,
        "round": kind,
        "from": seat.index,
        "body": body,
    }
    return {**message, "signature": sign_detached(canonical(message), key)}


def verified(plan: Plan, message: Any, kind: Round) -> tuple[Seat, dict[str, Any]]:
    """Sender and body of a message of this ceremony and round.

    Raises ``CeremonyFault`` for one of another ceremony or round, from nobody who takes part, or
    not signed by its sender.
    """
    if not isinstance(message, dict) or message.keys() != _MEMBERS or message["type"] != _TYPE:
        raise CeremonyFault("a message has the members " + ", ".join(sorted(_MEMBERS)))
    index = message["from"]
    if type(index) is not int or index not in plan.indices:
        raise CeremonyFault(f"a message is from {index!r}, who takes no part in the ceremony")
    seat = plan.seat(index)
    if message["ceremony"] != plan.id:
        raise CeremonyFault(
            f"{seat}: the message is of ceremony {str(message['ceremony'])[:80]!r}, "
            f"not of {plan.id}",
            hint="it was replayed, or its sender has another plan",
        )
    if message["round"] != kind:
        raise CeremonyFault(f"{seat}: a {kind} is expected, not {str(message['round'])[:80]!r}")
    _check_signature(seat, message)
    if not isinstance(message["body"], dict):
        raise CeremonyFault(f"{seat}: the body of the {kind} is no object", culprit=index)
    return seat, message["body"]


def unsigned(message: Message) -> Message:
    """What a message says, without its signature."""
    return {name: value for name, value in message.items() if name != "signature"}


def field_bytes(seat: Seat, value: Any, size: int, what: str) -> bytes:
    """Bytes of a member of a signed body; its signer is to blame for anything else."""
    try:
        data = unb64url(value)
    except (ValueError, AttributeError):
        data = b""
    if len(data) != size:
        raise CeremonyFault(f"{seat}: {what} is not base64url of {size} bytes", culprit=seat.index)
    return data


def _check_signature(seat: Seat, message: Message) -> None:
    if not isinstance(message["signature"], str):
        raise CeremonyFault(f"{seat}: the message is not signed")
    try:
        verify_detached(message["signature"], canonical(unsigned(message)), seat.public)
    except (NotTrusted, InputError) as error:
        raise CeremonyFault(f"{seat}: {error.message}") from error
