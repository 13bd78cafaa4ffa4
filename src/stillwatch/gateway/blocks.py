"""Many decisions as one line of JSON: columns, so that a million are read in seconds.

The form in which everything in force travels at startup and rests in a snapshot: lines of at most
10,000 decisions, each ``{"id": [...], "effect": [...], "scope": [...], "value": [...],
"until": [...], "shadow": [...], "rest": [...]}``, all lists of one length; ``rest`` holds, as texts
of JSON, what a decision says besides. A last line ``{"end": SHA-256}`` is over all bytes before it,
so that a body that was cut short or changed on its way is refused whole.

Rules: lines are untrusted; every list is checked as a whole, with bounds, before anything of it
is used; an error names the line and the field.

>>> lines = list(sealed([encoded({name: [] for name in FIELDS})]))
>>> [len(block) for block in (decoded(line, 1) for line in opened(iter(lines)))]
[0]
"""

import hashlib
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Final

import orjson

from stillwatch.domain.decision import (
    MOST_EVIDENCE,
    MOST_REASON,
    MOST_VALUE,
    Decision,
    Effect,
    Scope,
)
from stillwatch.errors import InputError
from stillwatch.gateway.addresses import network

FIELDS: Final = ("id", "effect", "scope", "value", "until", "shadow", "rest")
EFFECTS: Final = tuple(Effect)
"""By code: ``allow`` is 0, then the mildest first."""
SHADOW: Final = 16
"""Added to the code of an effect that is only said."""
SCOPES: Final = tuple(Scope)
POLICY: Final = "policy:"
"""How the origin of what a policy made begins."""
_CODES: Final = {effect.value: place for place, effect in enumerate(EFFECTS)}
_SCOPE_CODES: Final = {scope.value: place for place, scope in enumerate(SCOPES)}
_THROTTLE: Final = _CODES[Effect.THROTTLE.value]
_RANGE: Final = _SCOPE_CODES[Scope.RANGE.value]
_CAMPAIGN: Final = _SCOPE_CODES[Scope.CAMPAIGN.value]
_ID_LENGTH: Final = 46
_IDS: Final = re.compile(r"(?:decision--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\ud800-\udfff]")
_LATEST: Final = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a source or a file may send."""

    rows: int = 10_000
    """Decisions in a line."""
    line: int = 64 * 1024 * 1024
    """Bytes of a line."""
    total: int = 5_000_000
    """Decisions in all."""


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Block:
    """Checked decisions in columns."""

    ids: bytes
    """16 bytes each."""
    effects: "array[int]"
    """Codes: place in ``EFFECTS``, plus ``SHADOW``."""
    scopes: "array[int]"
    """Places in ``SCOPES``."""
    values: list[str]
    untils: "array[int]"
    """Seconds since 1970."""
    rests: list[str]
    """JSON of an object; no line breaks."""
    mades: "array[int]"
    """When a policy made them, seconds since 1970; 0 where a person did."""
    wrong: tuple[str, ...] = ()
    """What was wrong with the rows that were left out, see ``usable``."""

    def __len__(self) -> int:
        return len(self.values)


def encoded(columns: Mapping[str, list[Any]]) -> bytes:
    """A line, without its end."""
    return orjson.dumps({name: columns[name] for name in FIELDS})


def decoded(line: bytes, place: int, limits: Limits = LIMITS) -> Block:
    """The block of a line. Raises ``InputError`` that names the line and the field."""
    return _of_line(line, place, limits, checked)


def decoded_usable(line: bytes, place: int, limits: Limits = LIMITS) -> Block:
    """The same, without the rows that cannot be used: see ``usable``."""
    return _of_line(line, place, limits, usable)


def usable(said: object, limits: Limits = LIMITS) -> Block:
    """As ``checked``, but a row that cannot be used is left out and said in ``wrong``.

    One damaged row, or one with an effect of a version to come, must not cost a gateway all the
    others. Raises ``InputError`` where the columns are no columns.
    """
    try:
        return checked(said, limits)
    except InputError:
        columns = _columns(said, limits)
    good, wrong, seen = list[tuple[Any, ...]](), list[str](), set[str]()
    for place, row in enumerate(zip(*columns, strict=True), 1):
        reason = _reason(row) or ("an id stands twice" if row[0] in seen else "")
        if reason:
            reason = reason.replace("row 1", f"row {place}")
            wrong.append(f"decision {str(row[0])[:60]!r}: {reason}")
        else:
            seen.add(row[0])
            good.append(row)
    kept = [list(column) for column in zip(*good, strict=True)] or [[] for _ in FIELDS]
    return replace(checked(dict(zip(FIELDS, kept, strict=True))), wrong=tuple(wrong))


def checked(said: object, limits: Limits = LIMITS) -> Block:
    """Columns as a block. Raises ``InputError`` that names the field and the first bad row."""
    columns = _columns(said, limits)
    ids, effects, scopes, values, untils, shadows, rests = columns
    codes = _coded(effects, _CODES, "effect")
    places = _coded(scopes, _SCOPE_CODES, "scope")
    _check_values(values, places)
    _check(untils, lambda one: type(one) is int and 0 < one <= _LATEST, "until")
    _check(shadows, lambda one: type(one) is bool or (type(one) is int and one in (0, 1)), "shadow")
    texts, mades = _checked_rests(rests, codes, places)
    if any(shadows):
        codes = array("B", [c + SHADOW * bool(s) for c, s in zip(codes, shadows, strict=True)])
    return Block(_checked_ids(ids), codes, places, values, array("q", untils), texts, mades)


def sealed(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends, and the line that closes them."""
    digest = hashlib.sha256()
    for line in lines:
        whole = line + b"\n"
        digest.update(whole)
        yield whole
    yield orjson.dumps({"end": digest.hexdigest()}) + b"\n"


def opened(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines as ``sealed`` made them, without the last.

    Raises ``InputError`` at the end where the digest is missing or wrong, or where more follows:
    nothing of what came before is to be used then.
    """
    digest = hashlib.sha256()
    for line in lines:
        text = line.rstrip(b"\n")
        if text.startswith(b'{"end":'):
            _check_end(text, digest.hexdigest())
            if next(lines, None) is not None:
                raise InputError("something follows the line that closes the body")
            return
        digest.update(text)
        digest.update(b"\n")
        yield text
    raise InputError("the body was cut short: its closing line is missing")


def record_columns(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Decisions as ``Decision.record`` gives them, in columns."""
    columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
    for record in records:
        for name in ("id", "effect", "scope", "value", "until"):
            columns[name].append(record[name])
        columns["shadow"].append(record.get("shadow", False))
        columns["rest"].append(rest_of(record))
    return columns


def rest_of(record: Mapping[str, Any]) -> str:
    """What a decision says besides its columns, as JSON."""
    rest = {name: value for name, value in record.items() if name not in FIELDS}
    return orjson.dumps(rest).decode()


def _reason(row: tuple[Any, ...]) -> str:
    """Why a row cannot be used; empty where it can."""
    try:
        checked({name: [value] for name, value in zip(FIELDS, row, strict=True)})
    except InputError as error:
        return error.message
    return ""


def _of_line(
    line: bytes, place: int, limits: Limits, check: Callable[[object, Limits], Block]
) -> Block:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"line {place} is no JSON: {error}") from error
    try:
        return check(said, limits)
    except InputError as error:
        raise InputError(f"line {place}: {error.message}") from error


def _columns(said: object, limits: Limits) -> list[list[Any]]:
    """The lists, in the order of ``FIELDS``, of one length."""
    if not isinstance(said, dict):
        raise InputError(f"a block is an object with {', '.join(FIELDS)}")
    columns: list[list[Any]] = [said.get(name, []) for name in FIELDS]
    for name, column in zip(FIELDS, columns, strict=True):
        if not isinstance(column, list) or len(column) > limits.rows:
            raise InputError(f"{name} is a list of at most {limits.rows:,}")
        if len(column) != len(columns[0]):
            raise InputError(f"{name} is not as long as id")
    return columns


def _check_end(text: bytes, digest: str) -> None:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError("the line that closes the body is no JSON") from error
    if said != {"end": digest}:
        raise InputError("the body is damaged: its SHA-256 is another")


def _coded(column: list[Any], codes: Mapping[str, int], name: str) -> "array[int]":
    try:
        return array("B", list(map(codes.__getitem__, column)))
    except (KeyError, TypeError):
        pass
    _check(column, lambda one: isinstance(one, str) and one in codes, name)
    raise AssertionError(name)


def _check(column: list[Any], good: Callable[[Any], bool], name: str) -> None:
    """Refuse a column that holds a bad row, by its number from 1."""
    if all(map(good, column)):
        return
    row = next(row for row, one in enumerate(column, 1) if not good(one))
    raise InputError(f"{name} of row {row} cannot be used: {str(column[row - 1])[:80]!r}")


def _check_values(values: list[Any], places: "array[int]") -> None:
    if not values:
        return
    plain = set(map(type, values)) == {str}
    if not plain or min(map(len, values)) == 0 or max(map(len, values)) > MOST_VALUE:
        _check(values, lambda one: type(one) is str and 0 < len(one) <= MOST_VALUE, "value")
    if _CONTROL.search("".join(values)):
        _check(values, lambda one: not _CONTROL.search(one), "value")
    if _RANGE in places:
        ranges = [v for v, place in zip(values, places, strict=True) if place == _RANGE]
        _check(ranges, lambda one: network(one) is not None, "value (a range)")


def _checked_ids(ids: list[Any]) -> bytes:
    try:
        joined = "".join(ids)
        whole = set(map(len, ids)) <= {_ID_LENGTH} and _IDS.fullmatch(joined) is not None
    except TypeError:
        whole = False
    if not whole:
        one = re.compile(_IDS.pattern[:-1])
        _check(ids, lambda id_: isinstance(id_, str) and one.fullmatch(id_) is not None, "id")
    if len(set(ids)) != len(ids):
        raise InputError("an id stands twice")
    return bytes.fromhex(joined.replace("decision--", "").replace("-", ""))


def _checked_rests(
    rests: list[Any], codes: "array[int]", places: "array[int]"
) -> tuple[list[str], "array[int]"]:
    """The texts, and when policies made them; each distinct one is read once."""
    kinds: dict[str, int] = {}
    mades: dict[str, int] = {}
    texts = rests
    for rest in dict.fromkeys(rests) if set(map(type, rests)) <= {str} else rests:
        try:
            said = orjson.loads(rest)
            _check_rest(said)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InputError(f"rest of row {rests.index(rest) + 1}: {error}") from error
        kinds[rest] = ("rate" in said) + 2 * ("members" in said)
        mades[rest] = said["made"] if said["origin"].startswith(POLICY) else 0
        if "\n" in rest:
            anew = orjson.dumps(said).decode()
            kinds[anew], mades[anew] = kinds[rest], mades[rest]
            texts = [anew if one == rest else one for one in texts]
    found = list(map(kinds.__getitem__, texts))
    if any(found) or _THROTTLE in codes:
        for row, (kind, code, place) in enumerate(zip(found, codes, places, strict=True), 1):
            if (kind & 1) != (code == _THROTTLE):
                raise InputError(f"rest of row {row}: throttle has a rate, and nothing else has")
            if kind & 2 and place != _CAMPAIGN:
                raise InputError(f"rest of row {row}: only a campaign has members")
    return texts, array("Q", map(mades.__getitem__, texts))


_USUAL: Final = itemgetter("reason", "origin", "evidence", "made")


def _check_rest(said: Any) -> None:
    reason, origin, evidence, made = _USUAL(said)
    if type(reason) is not str or not 0 < len(reason) <= MOST_REASON:
        raise ValueError(f"reason is a text of 1 to {MOST_REASON} characters")
    if type(origin) is not str or not 0 < len(origin) <= MOST_VALUE:
        raise ValueError(f"origin is a text of 1 to {MOST_VALUE} characters")
    if type(evidence) is not list or len(evidence) > MOST_EVIDENCE:
        raise ValueError(f"evidence is a list of at most {MOST_EVIDENCE} texts")
    for one in evidence:
        if type(one) is not str or not 0 < len(one) <= MOST_VALUE:
            raise ValueError(f"evidence is of texts of 1 to {MOST_VALUE} characters")
    if type(made) is not int or not 0 <= made < _LATEST:
        raise ValueError("made is whole seconds since 1970")
    if len(said) > 4:
        _check_unusual(said)


def _check_unusual(said: dict[str, Any]) -> None:
    """What few decisions say: checked as one decision alone would be."""
    throttle, campaign = "rate" in said, "members" in said
    Decision.of(
        {
            "effect": Effect.THROTTLE if throttle else Effect.BLOCK,
            "scope": Scope.CAMPAIGN if campaign else Scope.ACCOUNT,
            "value": "x",
            **{name: said[name] for name in ("reason", "origin", "evidence", "made")},
            **{name: said[name] for name in ("rate", "cohort", "members") if name in said},
            "id": "decision--00000000-0000-4000-8000-000000000000",
            "until": said["made"] + 1,
        }
    )
