"""Ids that others made: payment fingerprints, devices, resellers, digests of prompts.

Opaque: no rule looks into them, and case counts, except where the shape says that it does not
(hex, UUID). A payment fingerprint is compared only with those of the same processor.

THE NUMBER OF A CARD IS REFUSED, loudly: it belongs in no tag, no log and no memory of ours.
"""

import re
from typing import Final

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.identifiers.interface import Context, Outcome, Reason
from stillwatch.sharing.identifiers.lists import words
from stillwatch.sharing.identifiers.text import plain_digits

_TOKEN: Final = re.compile(r"[A-Za-z0-9_.:+/=~-]+")
_PROCESSOR: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{1,31}")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_UUID: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
_MAC: Final = re.compile(r"[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}(?:(?:[:-][0-9a-fA-F]{2}){2})?")
_HEX_RUN: Final = re.compile(r"[0-9a-fA-F]+|[ ._-]+|[^0-9a-fA-F ._-]+")
_MARKS: Final = frozenset(" ._-")
_UNGROUPED: Final = str.maketrans("", "", " ._-")
_PAR: Final = re.compile(r"[A-Z0-9]{29}")
_CARD: Final = range(12, 20)
_SHORTEST, _LONGEST = 8, 128
_DISTINCT: Final = 4
"""An id with fewer different characters was filled in, not made."""
_RESELLER: Final = range(3, 65)
BAND_HEX: Final = 32
"""Length of a skeleton band: 128 bits."""
PROMPT_HEX: Final = 64
"""Length of a prompt's digest: SHA-256."""


def payment(text: str, context: Context) -> Outcome:
    """``processor:fingerprint``; the processor in lower case, the fingerprint as given.

    A payment account reference (``par:``, EMVCo, 29 characters) is upper case by its standard.
    """
    if holds_card(text):
        return context.refused(Reason.CARD_NUMBER)
    processor, colon, fingerprint = (part.strip() for part in text.partition(":"))
    processor = processor.lower()
    if not colon or not _PROCESSOR.fullmatch(processor) or not _TOKEN.fullmatch(fingerprint):
        return context.refused(Reason.MALFORMED)
    if processor == "par":
        fingerprint = fingerprint.upper()
        if not _PAR.fullmatch(fingerprint):
            return context.refused(Reason.MALFORMED)
    reason = _unlikely(fingerprint)
    if reason:
        return context.refused(reason)
    return (Identifier(Kind.PAYMENT, NormalForm(f"{processor}:{fingerprint}")),)


def holds_card(text: str) -> bool:
    """Whether the text holds 12 to 19 digits, grouped or not, that pass Luhn's check.

    Digits inside a run of hex are not looked at: one fingerprint in a few hundred would seem to
    hold a card.
    """
    return any(_is_card(group) for group in _digit_groups(plain_digits(text)))


def _digit_groups(text: str) -> list[list[str]]:
    """Runs of decimal digits with nothing but grouping marks between them."""
    groups: list[list[str]] = [[]]
    for piece in _HEX_RUN.findall(text):
        if piece.isdecimal():
            groups[-1].append(piece)
        elif not _MARKS.issuperset(piece) and groups[-1]:
            groups.append([])
    return groups


def _is_card(group: list[str]) -> bool:
    """Whether some neighbouring runs together are a card's number; linear, as 19 digits bound it."""
    for start in range(len(group)):
        digits: list[int] = []
        for run in group[start : start + _CARD.stop]:
            digits += map(int, run[: _CARD.stop])
            if len(digits) >= _CARD.stop:
                break
            if len(digits) in _CARD and _luhn(digits):
                return True
    return False


def _luhn(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_card(text: str) -> bool:
    """Whether the whole text is a card's number; 15 digits may be a telephone's IMEI, so 16 up."""
    digits = plain_digits(text).translate(_UNGROUPED)
    return len(digits) in _CARD[4:] and digits.isdecimal() and _luhn([int(one) for one in digits])


def device(text: str, context: Context) -> Outcome:
    """An id of a device: UUID and MAC as bare hex, hex in lower case, anything else as given."""
    if is_card(text):
        return context.refused(Reason.CARD_NUMBER)
    token = text.strip("{}")
    if token[:9].lower() == "urn:uuid:":
        token = token[9:]
    if _UUID.fullmatch(token) or _MAC.fullmatch(token):
        token = token.replace("-", "").replace(":", "")
    if not _TOKEN.fullmatch(token):
        return context.refused(Reason.MALFORMED)
    if _HEX.fullmatch(token):
        token = token.lower()
    reason = Reason.PLACEHOLDER if token in words("placeholders", "devices") else _unlikely(token)
    return context.refused(reason) if reason else (Identifier(Kind.DEVICE, NormalForm(token)),)


def _unlikely(token: str) -> Reason | None:
    if len(token) > _LONGEST:
        return Reason.TOO_LONG
    if len(set(token) - set("-:._")) < _DISTINCT:
        return Reason.PLACEHOLDER
    return Reason.TOO_SHORT if len(token) < _SHORTEST else None


def reseller(text: str, context: Context) -> Outcome:
    """A reseller's id in lower case: people copy it between systems that shout."""
    token = text.lower()
    if is_card(text):
        return context.refused(Reason.CARD_NUMBER)
    if not _TOKEN.fullmatch(token):
        return context.refused(Reason.MALFORMED)
    if len(token) < _RESELLER.start:
        return context.refused(Reason.TOO_SHORT)
    if len(token) >= _RESELLER.stop:
        return context.refused(Reason.TOO_LONG)
    return (Identifier(Kind.RESELLER, NormalForm(token)),)


def band(text: str, context: Context) -> Outcome:
    """A band of a skeleton sketch, hex; which band it is, is part of its hash."""
    return _digest(text, context, Kind.SKELETON_BAND, BAND_HEX)


def prompt(text: str, context: Context) -> Outcome:
    """The SHA-256 of a prompt's hash (``campaigns.skeletons``), hex."""
    return _digest(text, context, Kind.PROMPT, PROMPT_HEX)


def _digest(text: str, context: Context, kind: Kind, length: int) -> Outcome:
    if len(text) != length or not _HEX.fullmatch(text):
        return context.refused(Reason.MALFORMED)
    if len(set(text)) == 1:
        return context.refused(Reason.PLACEHOLDER)
    return (Identifier(kind, NormalForm(text.lower())),)
