"""A TLS client's fingerprint together with the network it came from: ``ja4+asn``.

JA4 (FoxIO): ``t13d1516h2_8daaf6152771_02713d6af862``. Alone it names a browser's build, held by
millions; with the autonomous system it is still weak and never matches alone. Numbers of RFC 5398
(documentation) are taken, so that labs can rehearse.
"""

import re
from typing import Final

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.identifiers.interface import Context, Outcome, Reason

_JA4: Final = re.compile(
    r"[tqd](?:13|12|11|10|s3|s2|s1|d1|d2|d3|00)[di][0-9]{2}[0-9]{2}[0-9a-z]{2}"
    r"_[0-9a-f]{12}_[0-9a-f]{12}"
)
_NOTHING: Final = "_000000000000_000000000000"
_SPLIT: Final = re.compile(r"[+,;|\s/]+")
_PRIVATE_AS: Final = (range(64512, 65536), range(4200000000, 1 << 32))
_NO_AS: Final = frozenset({0, 23456})


def ja4_asn(text: str, context: Context) -> Outcome:
    """``JA4+number``; ``AS`` before the number is optional, and ``+ , ; | /`` or space between."""
    fingerprint, *rest = _SPLIT.split(text.lower())
    if len(rest) != 1 or not _JA4.fullmatch(fingerprint):
        return context.refused(Reason.MALFORMED)
    number = rest[0].removeprefix("asn").removeprefix("as").removeprefix(":")
    if not (number.isascii() and number.isdecimal() and len(number) <= 10):
        return context.refused(Reason.MALFORMED)
    reason = Reason.PLACEHOLDER if fingerprint.endswith(_NOTHING) else _unusable(int(number))
    if reason:
        return context.refused(reason)
    return (Identifier(Kind.JA4_ASN, NormalForm(f"{fingerprint}+{int(number)}")),)


def _unusable(number: int) -> Reason | None:
    if number in _NO_AS:
        return Reason.RESERVED_ADDRESS
    if number >= 1 << 32:
        return Reason.MALFORMED
    if any(number in one for one in _PRIVATE_AS):
        return Reason.PRIVATE_ADDRESS
    return None
