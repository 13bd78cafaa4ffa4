"""Laws of normalisation that hold for any text."""

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from stillwatch.domain.identifier import (
    Identifier,
    Kind,
    NormalForm,
    RawIdentifier,
    oprf_input,
)
from stillwatch.sharing.identifiers import FAMILIES, Outcome, Reason, Refused, normalise
from stillwatch.sharing.identifiers.interface import MAX_RAW

KINDS = st.sampled_from(Kind)
LOCAL = st.from_regex(r"[a-z0-9]{1,12}(?:[.][a-z0-9]{1,8})?", fullmatch=True)
TAG = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
HOSTS = st.sampled_from(
    ["gmail.com", "hotmail.com", "corp.de", "yahoo.com", "bücher.de", "mail.widgets.co.uk"]
)
SEEDS = st.sampled_from(
    [
        "Name <a.b+c@Gmail.com>", "mailto:a%40b@c.de", "+44 (0)20 7946 1234", "tel:+1-201;ext=4",
        "stripe:4111 1111 1111 1111", "https://u:p@x.github.io:8/..", "Widget GmbH & Co. KG",
        "{00000000-0000-0000-0000-000000000000}", "[::ffff:8.8.8.8%eth0]:443", "8.8.8.8/24",
        "t13d1516h2_8daaf6152771_02713d6af862+AS15169", "株式会社(株)有限公司", "xn--a.xn--",
        "\u200d\u200c.\u0301İıßς", '"a@b"@c.de', "ﷺ" * 40, "١٢٣", "ab" * 32,
    ]
)  # fmt: skip
SPICE = st.lists(st.one_of(SEEDS, st.text(max_size=12), st.characters()), max_size=6).map("".join)
ANY_TEXT = st.one_of(st.text(max_size=200), SPICE, st.text(alphabet="<>@()\"'.,;+-%/:[] 0\u200d"))


def said(kind: Kind, raw: str, region: str | None = None) -> Outcome:
    return normalise(kind, RawIdentifier(raw), region=region, documentation=True)


def values(outcome: Outcome) -> dict[Kind, NormalForm]:
    assert not isinstance(outcome, Refused), outcome
    return {one.kind: one.value for one in outcome}


def test_every_kind_is_read_by_a_family() -> None:
    assert list(FAMILIES) == list(Kind)


@given(KINDS, ANY_TEXT, st.sampled_from([None, "US", "de", "ZZ", ""]), st.booleans())
def test_no_text_raises_and_what_is_made_can_be_asked(
    kind: Kind, raw: str, region: str | None, documentation: bool
) -> None:
    outcome = normalise(kind, RawIdentifier(raw), region=region, documentation=documentation)
    if isinstance(outcome, Refused):
        assert outcome.kind is kind
        return
    assert len({one.kind for one in outcome}) == len(outcome) > 0
    for one in outcome:
        assert oprf_input(one, "e").endswith(one.value.encode())


@given(KINDS, ANY_TEXT)
def test_a_normal_form_normalises_to_itself(kind: Kind, raw: str) -> None:
    outcome = said(kind, raw, "GB")
    for one in () if isinstance(outcome, Refused) else outcome:
        again = said(one.kind, one.value)
        assert values(again)[one.kind] == one.value


@given(KINDS, ANY_TEXT, st.text(alphabet=" \t\n\u00a0\u3000\u200b\ufeff\u202e", max_size=4))
def test_what_cannot_be_seen_around_a_value_does_not_count(
    kind: Kind, raw: str, around: str
) -> None:
    assert said(kind, around + raw + around) == said(kind, raw)


@given(LOCAL, TAG, HOSTS, st.booleans())
def test_case_and_tags_lead_to_one_mailbox(local: str, tag: str, host: str, shout: bool) -> None:
    plain, tagged = f"{local}@{host}", f"{local}+{tag}@{host}"
    as_typed = tagged.upper() if shout else tagged
    left, right = said(Kind.EMAIL, plain), said(Kind.EMAIL, as_typed)
    if isinstance(left, Refused):
        assert left == right
        return
    assert values(left)[Kind.EMAIL_LOOSE] == values(right)[Kind.EMAIL_LOOSE]
    assert values(left)[Kind.EMAIL] != values(right)[Kind.EMAIL]
    assert values(said(Kind.EMAIL, plain.swapcase())) == values(left)


@given(st.from_regex(r"[a-z]{6,20}", fullmatch=True), st.sets(st.integers(1, 5)))
def test_dots_count_everywhere_but_where_the_provider_ignores_them(
    name: str, places: set[int]
) -> None:
    dotted = "".join("." * (at in places) + char for at, char in enumerate(name))
    at_gmail = values(said(Kind.EMAIL, f"{dotted}@googlemail.com"))
    assert at_gmail[Kind.EMAIL_LOOSE] == f"{name}@gmail.com"
    elsewhere = values(said(Kind.EMAIL, f"{dotted}@widgets.de"))
    assert elsewhere[Kind.EMAIL_LOOSE] == f"{dotted}@widgets.de"


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
@pytest.mark.parametrize("style", range(4))
def test_every_way_to_write_a_number_gives_the_same(region: str, style: int) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if number is None:
        number = phonenumbers.example_number(region)
    assert number is not None
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if isinstance(said(Kind.PHONE, e164), Refused):
        pytest.skip("the library's example is a number that no customer has")
    written = phonenumbers.format_number(number, style)
    assert values(said(Kind.PHONE, written, region)) == {Kind.PHONE: e164}


TRUNKS = {
    "GB": (44, 10),
    "DE": (49, 10),
    "FR": (33, 9),
    "NL": (31, 9),
    "SE": (46, 9),
    "IN": (91, 10),
}


@given(st.sampled_from(sorted(TRUNKS)), st.sampled_from([None, "US", "AU", "BR", "JP"]), st.data())
def test_every_way_to_write_a_possible_number_gives_the_same_whatever_plans_say(
    region: str, elsewhere: str | None, data: st.DataObject
) -> None:
    code, length = TRUNKS[region]
    national = data.draw(st.from_regex(rf"[1-9][0-9]{{{length - 1}}}", fullmatch=True))
    e164 = f"+{code}{national}"
    outcome = said(Kind.PHONE, e164)
    if isinstance(outcome, Refused):
        assert outcome.reason in (Reason.PLACEHOLDER, Reason.SERVICE_NUMBER)
        return
    assert values(outcome) == {Kind.PHONE: e164}
    spaced = f"{national[:3]} {national[3:6]}-{national[6:]}"
    for written in (f"+{code} (0){spaced}", f"+{code} {spaced}", f"00{code} {spaced}"):
        assert values(said(Kind.PHONE, written, elsewhere)) == {Kind.PHONE: e164}
    for written in (f"0{spaced}", f"00{code}{national}", f"00{code} (0) {spaced}"):
        assert values(said(Kind.PHONE, written, region)) == {Kind.PHONE: e164}


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_any_international_number_that_is_taken_is_its_own_normal_form(raw: str) -> None:
    outcome = said(Kind.PHONE, raw)
    if isinstance(outcome, Refused):
        return
    made = values(outcome)[Kind.PHONE]
    assert values(said(Kind.PHONE, made)) == {Kind.PHONE: made}
    assert values(said(Kind.PHONE, f"00{made[1:]}", "US")) == {Kind.PHONE: made}


@pytest.mark.parametrize("code", ["", "+1", "+44 ", "+49 (0)", "0086"])
@pytest.mark.parametrize("digits", ["0000000000", "1234567890", "1111111111", "9876543210"])
def test_a_placeholder_is_one_behind_any_country_code(code: str, digits: str) -> None:
    outcome = said(Kind.PHONE, code + digits, "US")
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.PLACEHOLDER


@given(st.sampled_from(["+442079461234", "+4930901820", "+12015559123"]), st.data())
def test_digits_of_any_script_and_marks_between_them_do_not_count(
    e164: str, data: st.DataObject
) -> None:
    zero = data.draw(st.sampled_from("0٠۰०০๐０"))
    marks = data.draw(st.lists(st.sampled_from(["", " ", "-", ".", "\u00a0"]), min_size=14))
    digits = [chr(ord(zero) + int(digit)) for digit in e164[1:]]
    typed = "+" + "".join(digit + mark for digit, mark in zip(digits, marks, strict=False))
    assert values(said(Kind.PHONE, typed)) == {Kind.PHONE: e164}


@given(KINDS, ANY_TEXT.filter(bool))
def test_a_value_beyond_the_bound_is_refused_unread(kind: Kind, raw: str) -> None:
    outcome = said(kind, raw * (MAX_RAW + 1))
    assert isinstance(outcome, Refused)
    assert outcome.reason.value == "too-long"


@given(st.text(alphabet="aZ0.+-_'{|}~!\"\\ ()<>,;:[]@\u00e9", max_size=70))
def test_a_local_part_is_read_as_the_reference_reads_it(local: str) -> None:
    try:
        expected = validate_email(f"{local}@widgets.de", check_deliverability=False).local_part
    except EmailNotValidError:
        return
    outcome = said(Kind.EMAIL, f"{local}@widgets.de")
    if isinstance(outcome, Refused):
        assert outcome.reason in (Reason.PLACEHOLDER, Reason.TOO_LONG)
        return
    assert values(outcome)[Kind.EMAIL] == f"{expected.lower()}@widgets.de"


def test_mixing_kinds_is_no_match() -> None:
    one = Identifier(Kind.IP4, NormalForm("8.8.8.8"))
    assert oprf_input(one, "e") != oprf_input(Identifier(Kind.DEVICE, one.value), "e")
