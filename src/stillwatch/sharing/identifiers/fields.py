"""Which column or key of a house's own records holds which kind of identifier.

Names are compared without case, and ``-``, ``.`` and space count as ``_``. A JA4 and its
autonomous system are two columns and one identifier. Names that are not known are told, not
skipped in silence: a misspelt column would leave every customer unscreened.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isnan
from typing import Any, Final

from stillwatch.domain.identifier import Identifier, Kind, RawIdentifier
from stillwatch.errors import ConfigError
from stillwatch.sharing.identifiers import Outcome, Reason, Refused, Tally, normalise

MAX_VALUES: Final = 64
"""Most values read from one list in a record."""


class Field(StrEnum):
    """What a column may hold."""

    EMAIL = "email"
    PHONE = "phone"
    PAYMENT = "payment"
    DOMAIN = "domain"
    ORGANISATION = "organisation"
    DEVICE = "device"
    IP = "ip"
    JA4 = "ja4"
    ASN = "asn"
    RESELLER = "reseller"
    ROW_ID = "row-id"
    """The customer or account; the first that is there of several."""
    REGION = "region"
    """Country in which a national phone number is read (ISO 3166-1 alpha-2)."""

    __hash__ = str.__hash__  # as of ``Kind``


KINDS: Final[Mapping[Field, Kind]] = {
    Field.EMAIL: Kind.EMAIL,
    Field.PHONE: Kind.PHONE,
    Field.PAYMENT: Kind.PAYMENT,
    Field.DOMAIN: Kind.DOMAIN,
    Field.ORGANISATION: Kind.ORGANISATION,
    Field.DEVICE: Kind.DEVICE,
    Field.IP: Kind.IP4,
    Field.JA4: Kind.JA4_ASN,
    Field.RESELLER: Kind.RESELLER,
}

NAMES: Final[Mapping[Field, tuple[str, ...]]] = {
    Field.EMAIL: ("email", "e_mail", "email_address", "mail", "billing_email"),
    Field.PHONE: ("phone", "phone_number", "telephone", "mobile", "msisdn"),
    Field.PAYMENT: ("payment", "payment_fingerprint", "card_fingerprint"),
    Field.DOMAIN: ("domain", "website", "company_domain", "web_domain"),
    Field.ORGANISATION: (
        "organisation", "organization", "organisation_name", "organization_name",
        "company", "company_name",
    ),
    Field.DEVICE: ("device", "device_id", "device_fingerprint"),
    Field.IP: ("ip", "ip_address", "signup_ip", "last_ip"),
    Field.JA4: ("ja4", "ja4_fingerprint"),
    Field.ASN: ("asn", "as_number"),
    Field.RESELLER: ("reseller", "reseller_id"),
    Field.ROW_ID: ("account_id", "customer_id", "user_id", "id"),
    Field.REGION: ("region", "country", "country_code"),
}  # fmt: skip
"""Names under which a column is known without a mapping."""
_KNOWN: Final = {name: known for known, names in NAMES.items() for name in names}
_PLAIN: Final = str.maketrans("-. ", "___")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a house's records are read; the defaults know the usual names."""

    columns: Mapping[str, Field] = field(default_factory=dict)
    """Columns by their own names; what is not listed is known by ``NAMES``."""
    region: str | None = None
    """Region of a phone number whose row names none."""
    processor: str | None = None
    """Processor of payment fingerprints that are written without one."""
    documentation: bool = False
    """Take the domains and phone numbers of examples: for rehearsals only."""

    def field_of(self, name: str) -> Field | None:
        """What the column of that name holds, or None if nothing that is known."""
        own = self.columns.get(name)
        return own if own is not None else _KNOWN.get(name.strip().lower().translate(_PLAIN))


@dataclass(frozen=True, slots=True)
class Plan:
    """The columns of one table, by what they hold."""

    read: Mapping[Field, tuple[str, ...]]
    """Columns that are there."""
    ignored: tuple[str, ...]
    """Columns that hold nothing that is known."""
    columns: Mapping[Field, tuple[str, ...]]
    """Names that are looked for: those of ``read``, and usual ones that a later record may have."""

    @property
    def kinds(self) -> tuple[Field, ...]:
        """Fields of the columns that give identifiers."""
        return tuple(one for one in self.read if one in KINDS)


def plan(names: Iterable[str], layout: Layout) -> Plan:
    """Tell the columns of a table; raises ``ConfigError`` for a mapped column that is not there."""
    given = list(names)
    missing = [name for name in layout.columns if name not in given]
    if missing:
        raise ConfigError(
            f"no column {missing[0]!r}, which the mapping names",
            hint=f"the columns are: {', '.join(given[:30])}",
        )
    found: dict[Field, list[str]] = {}
    for name in given:
        known = layout.field_of(name)
        if known is not None:
            found.setdefault(known, []).append(name)
    if Field.ROW_ID in found:
        found[Field.ROW_ID].sort(key=lambda name: _place(name, layout))
    used = {name for columns in found.values() for name in columns}
    ignored = tuple(name for name in given if name not in used)
    read = {one: tuple(found[one]) for one in Field if one in found}
    return Plan(read, ignored, read)


def open_plan(seen: Iterable[str], layout: Layout) -> Plan:
    """Tell the keys of records that need not all have the same, from those of the first ones."""
    keys = list(dict.fromkeys([*seen, *layout.columns]))
    written = {name.strip().lower().translate(_PLAIN) for name in keys}
    found = plan(keys, layout)
    columns = {
        one: found.read.get(one, ()) + tuple(name for name in names if name not in written)
        for one, names in NAMES.items()
    }
    return Plan(found.read, found.ignored, columns)


def _place(name: str, layout: Layout) -> int:
    """Mapped columns first, then in the order of ``NAMES``."""
    plain = name.strip().lower().translate(_PLAIN)
    return -1 if name in layout.columns else NAMES[Field.ROW_ID].index(plain)


def identifiers_of(
    record: Mapping[str, Any], planned: Plan, layout: Layout, tally: Tally
) -> tuple[Identifier, ...]:
    """Every identifier of one record, each once, in the order of ``Field``.

    A value is a text, a number or a list of them. Refusals are counted in ``tally``, and a field
    without any value as ``empty``; no value raises.
    """
    region = next(filter(None, _texts(record, planned, Field.REGION)), None) or layout.region
    found: list[Identifier] = []
    for one, kind in KINDS.items():
        texts = _raws(record, planned, one, layout) if one in planned.columns else []
        if not texts and one in planned.read:
            tally.add(Refused(kind, Reason.EMPTY))
        for text in texts:
            outcome: Outcome = Refused(kind, Reason.MALFORMED)
            if text is not None:
                outcome = normalise(
                    kind, RawIdentifier(text), region=region, documentation=layout.documentation
                )
            tally.add(outcome)
            if not isinstance(outcome, Refused):
                found += outcome
    return tuple({(each.kind, each.value): each for each in found}.values())


def _raws(record: Mapping[str, Any], planned: Plan, one: Field, layout: Layout) -> list[str | None]:
    """The values of a field that are not empty, joined with what belongs to them."""
    texts = _texts(record, planned, one)
    if one is Field.JA4 and (asn := next(filter(None, _texts(record, planned, Field.ASN)), "")):
        return [text and f"{text}+{asn}" for text in texts]
    if one is Field.PAYMENT and layout.processor:
        return [
            text if text is None or ":" in text else f"{layout.processor}:{text}" for text in texts
        ]
    return texts


def _texts(record: Mapping[str, Any], planned: Plan, one: Field) -> list[str | None]:
    """The values of a field as texts, without empty ones; None is neither text nor number."""
    columns = planned.columns.get(one, ())
    if len(columns) == 1 and type(value := record.get(columns[0])) is str:  # as nearly all are
        return [value] if value else []
    found: list[str | None] = []
    for column in columns:
        value = record.get(column)
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += map(_text, value[:MAX_VALUES])
            if len(value) > MAX_VALUES:
                found.append(None)
        elif value is not None:
            found.append(_text(value))
    return [text for text in found if text != ""]


def _text(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):  # a table's way to write a whole number beside empty cells
        if isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1 << 53 else None
    return str(value) if abs(value) < 1 << 64 else None
