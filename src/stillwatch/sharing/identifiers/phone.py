"""Phone numbers: E.164 by libphonenumber, if one customer can hold the number.

Read: ``+`` and ``00``, national forms in a given region, ``tel:``, ``(0)`` in the middle, digits
of any script, letters of vanity numbers not. An extension is dropped: the number behind it is
the same line.

Taken: every number that is possible, by its country code and whole length. Which ranges are in
use is left out: those tables change every month, and two labs with different releases would
miss each other in silence. So the first reading that is possible counts, whatever later ones are;
only a national number of fewer than 7 digits must be in its plan, as short codes look like it.

Refused: toll-free, premium, shared-cost, company-wide, pager and voicemail numbers as far as the
tables know them, short and emergency numbers, numbers set aside for films and examples, one
digit repeated or counting, with or without a country code.
"""

import re
from typing import Final

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.identifiers.interface import Context, Outcome, Reason
from stillwatch.sharing.identifiers.text import plain_digits

_MAX: Final = 64
"""Longest number with its extension; libphonenumber's own bound is 250."""
_FEWEST: Final = 7
"""National digits below which a number is a short code."""
_RUNS: Final = ("0123456789012345", "9876543210987654")
_E164: Final = range(8, 16)
_ONE_HOLDER: Final = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.UNKNOWN,  # possible, and not in these tables
    }
)
_NANP_FICTION: Final = re.compile(r"\+1[0-9]{3}55501[0-9]{2}")
_SERVICE: Final = re.compile(r"\+(?:1(?:800|822|833|844|855|866|877|888|900)|80[08]|979)")
"""Codes whose every number is a service's, in use or not; short as they are, they do not change."""
_MEXICAN: Final = 10
_PARSES: Final = 4
_FICTION: Final = (
    # Ofcom's numbers for drama
    "+442079460", "+441134960", "+441144960", "+441154960", "+441164960", "+441174960",
    "+441184960", "+441214960", "+441314960", "+441414960", "+441514960", "+441614960",
    "+441914980", "+441632960", "+447700900", "+448081570", "+449098790", "+443069990",
    "+442896496", "+442920180",
    # Australia (ACMA)
    "+6125550", "+6135550", "+6175550", "+6185550", "+61491570006", "+61491570156",
    "+61491570157", "+61491570158", "+61491570159", "+61491570110", "+61491570313",
    "+61491570737", "+61491571266", "+61491571491", "+61491571804", "+61491572549",
    "+61491572665", "+61491572983", "+61491573770", "+61491573087", "+61491574118",
    "+61491574632", "+61491575254", "+61491575789", "+61491576398", "+61491576801",
    "+61491577426", "+61491577644", "+61491578957", "+61491578148", "+61491578888",
    # Germany (Bundesnetzagentur)
    "+4930231250", "+4930231251", "+4930231252", "+4930231253", "+4930231254",
    "+496990009", "+494066969", "+492214710", "+498999998",
    # France (ARCEP) and Ireland (ComReg)
    "+3319900", "+33261910", "+33353010", "+33465710", "+33536490", "+33639980", "+353209110",
    # Sweden (PTS)
    "+46313900600", "+4640628042", "+468465004", "+46980319", "+46701740605",
)  # fmt: skip
"""Beginnings of numbers that regulators keep for films and examples."""


def phone(text: str, context: Context) -> Outcome:
    """The number in E.164."""
    written = plain_digits(text)
    if len(written) > _MAX:
        return context.refused(Reason.TOO_LONG)
    if written[:4].lower() == "tel:":
        written = written[4:]
    digits = [char for char in written if char.isdecimal()]
    if not digits:
        return context.refused(Reason.MALFORMED)
    if _counts("".join(digits)):
        return context.refused(Reason.PLACEHOLDER)
    if context.documentation and (made_up := _made_up(written, digits)):
        return (Identifier(Kind.PHONE, made_up),)
    found = _read(written, context.region)
    if isinstance(found, Reason):
        return context.refused(found)
    number, kind, e164 = found
    national = phonenumbers.national_significant_number(number)
    reason = _unusable(e164, national, kind, context.documentation)
    return context.refused(reason) if reason else (Identifier(Kind.PHONE, NormalForm(e164)),)


def _counts(digits: str) -> bool:
    """Whether the digits are one repeated, or count up or down: typed, not held."""
    if len(set(digits)) == 1:
        return True
    return len(digits) >= _FEWEST and any(digits in run for run in _RUNS)


def _made_up(written: str, digits: list[str]) -> NormalForm | None:
    """A number of the unassigned country code 999, as simulations write them."""
    e164 = "+" + "".join(digits)
    mine = written.lstrip().startswith("+") and e164.startswith("+999") and len(digits) in _E164
    return NormalForm(e164) if mine else None


def _read(written: str, region: str | None) -> tuple[PhoneNumber, int, str] | Reason:
    """The number, its type and its E.164; the first reading that is possible counts."""
    known = region.upper() if region and region.upper() in phonenumbers.SUPPORTED_REGIONS else None
    reason = Reason.NO_REGION
    for reading in _readings(written, known):
        if known is None and not reading.startswith("+"):
            continue
        try:
            number = phonenumbers.parse(reading, known)
        except NumberParseException as error:
            reason = _why(error, reading)
            continue
        found = _possible(number)
        if found:
            return found
        national = phonenumbers.national_significant_number(number)
        if len(national) >= _FEWEST and _counts(national):
            return Reason.PLACEHOLDER
        short = reading[0] != "+" and len(str(number.national_number)) < _FEWEST
        reason = Reason.SERVICE_NUMBER if short else Reason.INVALID_NUMBER
    return reason


def _possible(number: PhoneNumber) -> tuple[PhoneNumber, int, str] | None:
    """The number with type and E.164 if its country has such a length, and it reads as itself."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    kind = phonenumbers.number_type(number)
    if kind != PhoneNumberType.UNKNOWN:
        return number, kind, e164
    for _ in range(_PARSES):  # a prefix may be left where no plan says that it is none
        if len(phonenumbers.national_significant_number(number)) < _FEWEST:
            return None
        if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
            return None
        before, number = e164, phonenumbers.parse(e164)
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        if e164 == before:
            return number, phonenumbers.number_type(number), e164
    return None


def _readings(written: str, region: str | None) -> list[str]:
    """As people mean the number, in an order that no table of numbers in use decides.

    Mexico's old 1 out; ``00`` as ``+`` unless the region dials abroad otherwise; as it is
    written; without ``(0)``.
    """
    bare = written.strip()
    readings = list[str]()
    for one in (bare, bare.replace("(0)", "", 1)):
        abroad = _abroad(one)
        if abroad and not _dials(one, region):
            readings += [abroad, one]
        else:
            readings += [one, abroad] if abroad else [one]
    mexican = ["+52" + one[3:].lstrip(" -.")[1:] for one in readings if _old_mexican(one)]
    return list(dict.fromkeys(mexican + readings))


def _abroad(reading: str) -> str:
    """A number that begins with ``00``, ``(00`` or ``(+``, with ``+``; else nothing."""
    if reading.startswith("00"):
        return "+" + reading[2:]
    return "+" + reading.lstrip("(0+") if reading.startswith(("(00", "(+")) else ""


def _dials(reading: str, region: str | None) -> bool:
    """Whether the region's one prefix of calls abroad begins the reading (Australia's 0011).

    Prefixes that choose a carrier (Brazil's 0055) look like a country code, which is meant more
    often, so they do not count.
    """
    found = PhoneMetadata.metadata_for_region(region) if region else None
    prefix = found and (found.preferred_international_prefix or found.international_prefix)
    digits = "".join(char for char in reading if char.isdecimal())
    return bool(prefix and prefix.isdecimal() and digits.startswith(prefix))


def _old_mexican(reading: str) -> bool:
    """``+52 1`` and ten digits: the 1 of mobiles that went in 2019 and lives in address books."""
    rest = reading[3:].lstrip(" -.") if reading.startswith("+52") else ""
    return rest.startswith("1") and sum(map(str.isdecimal, rest)) == _MEXICAN + 1


def _why(error: NumberParseException, reading: str) -> Reason:
    if error.error_type == NumberParseException.TOO_LONG:
        return Reason.INVALID_NUMBER
    digits = sum(char.isdecimal() for char in reading)
    if error.error_type == NumberParseException.NOT_A_NUMBER and digits >= _FEWEST:
        return Reason.MALFORMED
    short = reading[0] != "+" and 2 < digits < _FEWEST
    return Reason.SERVICE_NUMBER if short else Reason.INVALID_NUMBER


def _unusable(e164: str, national: str, kind: int, documentation: bool) -> Reason | None:
    if _counts(national):
        return Reason.PLACEHOLDER
    if kind not in _ONE_HOLDER or _SERVICE.match(e164):
        return Reason.SERVICE_NUMBER
    if not documentation and (_NANP_FICTION.fullmatch(e164) or e164.startswith(_FICTION)):
        return Reason.DOCUMENTATION
    return None
