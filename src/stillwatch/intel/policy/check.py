"""Whether a claim may leave, or enter: the one check, at the member before signing and at the hub.

Rules (ADR 0012): an object passes if every field has a value that the policy allows, and the whole
is, property by property, what ``to_stix`` writes for those fields. So there is no place for
anything else: not in a description, a label, a reference, another extension, nor in the name of a
property. A refusal names the field and never repeats the value. The check depends on the object,
the day and the names of the hub alone; it looks at each part at most once, and never deeper than
a lawful object goes.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.jws import ALGORITHM, signer
from stillwatch.errors import InputError, NotTrusted, PolicyRefused
from stillwatch.intel.ids import CLAIM, KINDS, stated_kind
from stillwatch.intel.policy.load import Field, Kind, Policy, shipped
from stillwatch.intel.policy.refusal import Context, Directory, ExtraCheck, Refusal, shown
from stillwatch.intel.policy.resemblance import resembles
from stillwatch.intel.policy.rules import RuleText, rule_digest
from stillwatch.intel.policy.values import LONGEST
from stillwatch.intel.stix import from_stix, to_stix

EXTENSION: Final = f"extensions.{CLAIM}"
MOST_REFUSALS: Final = 20
"""More than these are not listed: nobody mends twenty fields at a time."""
_KEY_ID_BYTES: Final = 32
_EXTENSION_MEMBERS: Final = frozenset(("extension_type", "kind", "terms", "fields", "signature"))
_WORDS: Final = re.compile(r"[a-z0-9]+")


def check_claim(
    obj: Any,
    *,
    today: date | None = None,
    directory: Directory | None = None,
    extra: Iterable[ExtraCheck] = (),
) -> list[Refusal]:
    """Every reason why the object may not leave or enter; none if it may.

    ``today`` decides what has expired (default: the day in UTC). With a ``directory`` groups and
    recipients must be names that it holds; without one only their form is checked, so whoever
    knows the names passes them. ``extra`` are checks of a member's own, asked only about what
    passed so far: they can refuse more, never allow.
    """
    context = Context(today or datetime.now(UTC).date(), directory)
    policy = shipped()
    kind = _kind(obj, policy, context)
    if kind is not None:
        _closed(obj, policy, context)
        _check_terms(obj, policy, context)
        _check_fields(obj, kind, context)
        _check_signature(obj, context)
    if not context.found:
        _check_whole(obj, extra, context)
    return context.found[:MOST_REFUSALS]


def require_lawful(
    obj: Any,
    *,
    today: date | None = None,
    directory: Directory | None = None,
    extra: Iterable[ExtraCheck] = (),
) -> None:
    """Raise ``PolicyRefused`` that names every field, unless the object may leave."""
    refusals = check_claim(obj, today=today, directory=directory, extra=extra)
    if refusals:
        raise PolicyRefused(
            "; ".join(f"{refusal.path} {refusal.reason}" for refusal in refusals),
            hint=next((refusal.hint for refusal in refusals if refusal.hint), ""),
        )


def _kind(obj: Any, policy: Policy, context: Context) -> Kind | None:
    """Kind of claim that the object says it is, if its outer form allows to go on."""
    if not isinstance(obj, dict):
        context.refuse("(object)", "must be a JSON object")
        return None
    stix = obj.get("type")
    kinds = KINDS.get(stix, ()) if isinstance(stix, str) else ()
    if not kinds:
        context.refuse("type", "is none of the types in which claims travel")
        return None
    extensions = obj.get("extensions")
    extension = extensions.get(CLAIM) if isinstance(extensions, dict) else None
    if not isinstance(extension, dict):
        context.refuse(EXTENSION, "is missing: only claims may be here")
        return None
    name = stated_kind(str(stix), extension)
    if name is None:
        context.refuse(f"{EXTENSION}.kind", f"must be {' or '.join(kinds)} for this type")
        return None
    return policy.kinds[name]


def _closed(obj: dict[str, Any], policy: Policy, context: Context) -> None:
    """Refuse extensions that are not ours and members that the extension does not have."""
    if obj.get("spec_version") != "2.1":
        context.refuse("spec_version", "must be 2.1")
    for name in obj["extensions"]:
        if name != CLAIM:
            context.refuse(f"extensions.{shown(name)}", "another extension may not travel")
    for name in obj["extensions"][CLAIM]:
        if name not in _EXTENSION_MEMBERS:
            _refuse_unknown(EXTENSION, name, policy, context)


def _check_terms(obj: dict[str, Any], policy: Policy, context: Context) -> None:
    inner = [field for field in policy.terms.values() if field.at == "extension"]
    _check_record(obj["extensions"][CLAIM].get("terms"), f"{EXTENSION}.terms", inner, context)
    for field in policy.terms.values():
        if field.at == "object":
            _check_field(obj, field.property, field.property, field, context)
    if not context.found:
        _check_times(obj, context)


def _check_times(obj: dict[str, Any], context: Context) -> None:
    terms = obj["extensions"][CLAIM]["terms"]
    first, last = (date.fromisoformat(terms[n][:10]) for n in ("valid_from", "valid_until"))
    if not first < last <= first + LONGEST:
        context.refuse(
            f"{EXTENSION}.terms.valid_until",
            f"must be after valid_from, by {LONGEST.days} days at most",
        )
    if obj["modified"] < obj["created"]:
        context.refuse("modified", "is before created")


def _check_fields(obj: dict[str, Any], kind: Kind, context: Context) -> None:
    fields = obj["extensions"][CLAIM].get("fields")
    inner = [field for field in kind.fields.values() if field.at == "extension"]
    before = len(context.found)
    _check_record(fields, f"{EXTENSION}.fields", inner, context)
    for field in kind.fields.values():
        if field.at == "pattern":
            _check_field(obj, field.property, field.property, field, context)
            if obj.get("pattern_type") != "sigma":
                context.refuse("pattern_type", "must be sigma")
    if len(context.found) > before:
        return
    for first, second in kind.order:
        if fields[second] < fields[first]:
            context.refuse(f"{EXTENSION}.fields.{second}", f"is before {first}")
    rule = kind.fields.get("rule")
    if rule is not None and isinstance(rule.value, RuleText):
        content = rule.value.read(obj["pattern"])
        if rule_digest(content) != fields["digest"]:
            context.refuse(f"{EXTENSION}.fields.digest", "is not the digest of the rule")


def _check_record(value: Any, path: str, fields: Iterable[Field], context: Context) -> None:
    if not isinstance(value, dict):
        context.refuse(path, "must be an object")
        return
    known = {field.name: field for field in fields}
    for name in value:
        if name not in known:
            _refuse_unknown(path, name, shipped(), context)
    for name, field in known.items():
        _check_field(value, name, f"{path}.{name}", field, context)


def _check_field(
    holder: Mapping[str, Any], name: str, path: str, field: Field, context: Context
) -> None:
    if name in holder:
        field.value.check(holder[name], path, context)
    elif not field.optional:
        context.refuse(path, "is missing")


def _check_signature(obj: dict[str, Any], context: Context) -> None:
    """A signature, where there is one, has one spelling; whose it is, is asked elsewhere."""
    extension = obj["extensions"][CLAIM]
    if "signature" not in extension:
        return
    if not _is_spelt_once(extension["signature"]):
        path = f"{EXTENSION}.signature"
        context.refuse(path, "must be a detached JWS of algorithm Ed25519")


def _is_spelt_once(signature: Any) -> bool:
    """Whether a signature has the form that ``sign_detached`` gives it, to the byte."""
    if not isinstance(signature, str):
        return False
    try:
        kid = signer(signature)
        header = b64url(f'{{"alg":"{ALGORITHM}","kid":"{kid}"}}'.encode())
        return len(unb64url(kid)) == _KEY_ID_BYTES and signature.startswith(f"{header}..")
    except (NotTrusted, ValueError):
        return False


def _check_whole(obj: Any, extra: Iterable[ExtraCheck], context: Context) -> None:
    """Refuse every difference from what we would have written, then ask the member's own checks."""
    try:
        claim = from_stix(obj)
    except InputError as error:
        context.refuse("(object)", error.message, error.hint)
        return
    expected = to_stix(claim)
    if "signature" in obj["extensions"][CLAIM]:
        expected["extensions"][CLAIM]["signature"] = obj["extensions"][CLAIM]["signature"]
    _compare(expected, obj, "", context)
    if not context.found:
        for check in extra:
            context.found.extend(check(claim))


def _compare(expected: Any, actual: Any, path: str, context: Context) -> None:
    """Refuse every difference between two JSON values; the expected one bounds the way."""
    kind = type(expected)
    if kind is str and type(actual) is str and expected == actual:
        return
    if kind is dict and isinstance(actual, dict):
        for name in actual:
            if name not in expected:
                _refuse_unknown(path, name, shipped(), context)
        for name, part in expected.items():
            where = f"{path}.{name}" if path else name
            if name in actual:
                _compare(part, actual[name], where, context)
            else:
                context.refuse(where, "is missing")
    elif kind is list and isinstance(actual, list) and len(expected) == len(actual):
        for place, (part, other) in enumerate(zip(expected, actual, strict=True)):
            _compare(part, other, f"{path}.[{place}]", context)
    elif not _same(expected, actual):
        looks = resembles(actual) if isinstance(actual, str) else ""
        context.refuse(path, "must be what the claim's own fields render", looks)


def _same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return expected == actual  # JSON knows one kind of number: 1 and 1.0 are the same
    return type(expected) is type(actual) and bool(expected == actual)


def _refuse_unknown(path: str, name: Any, policy: Policy, context: Context) -> None:
    """Refuse a member that is on no list, under the heading its name suggests."""
    where = f"{path}.{shown(name)}" if path else shown(name)
    words = _WORDS.findall(name.casefold()) if isinstance(name, str) and len(name) < 100 else []
    for heading in policy.refused:
        if heading.words.intersection(words):
            context.refuse(where, heading.reason, "take it out")
            return
    context.refuse(where, "is not on the list of what may leave", "take it out")
