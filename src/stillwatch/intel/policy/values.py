"""The types of value that the policy knows, one class each: all that is said of a type stands together.

Each has four parts: ``check`` refuses what does not fit, ``schema`` is the JSON Schema, ``told`` the
range in words, ``bits`` the logarithm of how many values fit: what a dishonest publisher could
choose freely. Checks look at no more of a value than a value that fits would have.
"""
# ruff: noqa: D102  the protocol documents the four methods, once

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Protocol

from stillwatch.intel.ids import MARKINGS, TYPES
from stillwatch.intel.objects import from_micros, parse_time
from stillwatch.intel.policy.refusal import Context, shown
from stillwatch.intel.policy.resemblance import resembles
from stillwatch.intel.scales import DIGITS, SPANS

FIRST_DAY: Final = date(2020, 1, 1)
"""Nothing that a claim speaks of is older."""
LONGEST: Final = timedelta(days=1096)
"""A claim holds for at most three years."""
_DAYS: Final = 36_500
"""Days to choose among, for counting bits."""
UUID4: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
UUID45: Final = UUID4.replace("-4[", "-[45][")
UUID_BITS: Final = 122.0
_SECOND_CHARS: Final = len("2026-01-01T00:00:00.000Z")
_FIVES: Final = range(0, 101, 5)
_SPANS: Final = {(span.low, span.high) for span in SPANS}
_DIGITS: Final = frozenset(DIGITS)
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NAME_CHARS: Final = 32


class Value(Protocol):
    """One type of value."""

    def check(self, value: Any, path: str, context: Context) -> None:
        """Refuse what does not fit."""

    def schema(self) -> dict[str, Any]:
        """JSON Schema that every value that fits passes."""

    def told(self) -> str:
        """Range in words."""

    def bits(self) -> float:
        """Logarithm to base 2 of the number of values that fit."""


def wrong(value: Any, path: str, told: str, context: Context) -> None:
    """Refuse a value, and say what it looks like if it looks like what must not leave."""
    looks = resembles(value) if isinstance(value, str) else ""
    context.refuse(path, f"must be {told}", looks)


@dataclass(frozen=True, slots=True)
class Choice:
    """A member of a list."""

    names: frozenset[str]

    def check(self, value: Any, path: str, context: Context) -> None:
        if not isinstance(value, str) or value not in self.names:
            wrong(value, path, "a member of the list", context)

    def schema(self) -> dict[str, Any]:
        return {"enum": sorted(self.names)}

    def told(self) -> str:
        return "one of: " + ", ".join(f"`{name}`" for name in sorted(self.names))

    def bits(self) -> float:
        return math.log2(len(self.names))


@dataclass(frozen=True, slots=True)
class CodeName:
    """Two words of our list and a number."""

    words: frozenset[str]

    def check(self, value: Any, path: str, context: Context) -> None:
        parts = value.split("-", 3) if isinstance(value, str) and len(value) <= 40 else ()
        if (
            len(parts) != 3
            or parts[0] not in self.words
            or parts[1] not in self.words
            or not re.fullmatch("[1-9][0-9]", parts[2], re.ASCII)
        ):
            wrong(value, path, "two words of the list of code names and a number, 10-99", context)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[a-z]{3,12}-[a-z]{3,12}-[1-9][0-9]$"}

    def told(self) -> str:
        return f"two of {len(self.words)} listed words and a number from 10 to 99, as `copper-heron-42`"

    def bits(self) -> float:
        return math.log2(len(self.words) ** 2 * 90)


@dataclass(frozen=True, slots=True)
class SpanValue:
    """A range of the 1-2-5 scale."""

    least: int

    def check(self, value: Any, path: str, context: Context) -> None:
        if not isinstance(value, dict):
            wrong(value, path, self._said(), context)
            return
        for name in value:
            if name not in ("low", "high"):
                context.refuse(f"{path}.{shown(name)}", "a range has low and high only")
                return
        for name in ("low", "high"):
            if type(value.get(name)) is not int:
                told = "a whole number of the 1-2-5 scale"
                wrong(value.get(name), f"{path}.{name}", told, context)
                return
        low, high = value["low"], value["high"]
        if (low, high) not in _SPANS or low < self.least:
            context.refuse(path, f"must be {self._said()}", "see intel/scales.py: span")

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "enum": [{"low": s.low, "high": s.high} for s in SPANS if s.low >= self.least],
        }

    def _said(self) -> str:
        return "a range of the 1-2-5 scale: 1, 2-4, 5-9, 10-19, 20-49 ..."

    def told(self) -> str:
        return f"a range of the 1-2-5 scale from {self.least} on: 1, 2-4, 5-9, 10-19, 20-49 ..."

    def bits(self) -> float:
        return math.log2(sum(s.low >= self.least for s in SPANS))


@dataclass(frozen=True, slots=True)
class Day:
    """A day, as text; with ``suffix`` an instant at midnight."""

    suffix: str = ""
    ahead: int = 1
    """Days after today that are allowed."""

    def check(self, value: Any, path: str, context: Context) -> None:
        day = self._parse(value)
        if day is None:
            wrong(value, path, self._said(), context)
        elif not FIRST_DAY <= day <= context.today + timedelta(days=self.ahead):
            context.refuse(path, f"must lie between {FIRST_DAY} and {self._latest()}")

    def _parse(self, value: Any) -> date | None:
        if not isinstance(value, str) or len(value) != 10 + len(self.suffix) or not value.isascii():
            return None
        if not value.endswith(self.suffix) or value[4] != "-" or value[7] != "-":
            return None
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^\\d{{4}}-\\d\\d-\\d\\d{self.suffix}$"}

    def _said(self) -> str:
        return f"a day, YYYY-MM-DD{self.suffix}"

    def _latest(self) -> str:
        return "tomorrow" if self.ahead == 1 else f"{self.ahead} days from now"

    def told(self) -> str:
        return f"{self._said()}, from {FIRST_DAY} to {self._latest()}"

    def bits(self) -> float:
        return math.log2(_DAYS)


@dataclass(frozen=True, slots=True)
class Digit:
    """A probability of one significant digit."""

    def check(self, value: Any, path: str, context: Context) -> None:
        if type(value) not in (int, float) or value not in _DIGITS:
            wrong(value, path, self.told(), context)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(DIGITS)}

    def told(self) -> str:
        return "1, or one significant digit from 0.000001 to 0.9"

    def bits(self) -> float:
        return math.log2(len(DIGITS))


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def check(self, value: Any, path: str, context: Context) -> None:
        if not isinstance(value, bool):
            wrong(value, path, self.told(), context)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def told(self) -> str:
        return "true or false"

    def bits(self) -> float:
        return 1.0


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds, of which it is a multiple of ``step``."""

    least: int
    most: int
    step: int = 1

    def check(self, value: Any, path: str, context: Context) -> None:
        if type(value) is not int or not self.least <= value <= self.most or value % self.step:
            wrong(value, path, self.told(), context)

    def schema(self) -> dict[str, Any]:
        bounds = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return bounds if self.step == 1 else {**bounds, "multipleOf": self.step}

    def told(self) -> str:
        noun = "whole number" if self.step == 1 else f"multiple of {self.step}"
        return f"a {noun} from {self.least} to {self.most}"

    def bits(self) -> float:
        return math.log2((self.most - self.least) // self.step + 1)


@dataclass(frozen=True, slots=True)
class System:
    """The number of an autonomous system that a registry can have assigned."""

    blocks: tuple[tuple[int, int], ...]

    def check(self, value: Any, path: str, context: Context) -> None:
        if type(value) is not int or not any(a <= value <= b for a, b in self.blocks):
            wrong(value, path, self.told(), context)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": a, "maximum": b} for a, b in self.blocks]}

    def told(self) -> str:
        ranges = ", ".join(f"{a}-{b}" for a, b in self.blocks)
        return f"the number of an autonomous system that registries assign: {ranges}"

    def bits(self) -> float:
        return math.log2(sum(b - a + 1 for a, b in self.blocks))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text of one form; the base of ids, digests and references."""

    form: re.Pattern[str]
    said: str
    free: float

    def check(self, value: Any, path: str, context: Context) -> None:
        if not isinstance(value, str) or not self.form.fullmatch(value):
            wrong(value, path, self.said, context)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{self.form.pattern}$"}

    def told(self) -> str:
        return self.said

    def bits(self) -> float:
        return self.free


def reference(kinds: Sequence[str]) -> Pattern:
    """Id of another claim's object."""
    names = "|".join(TYPES[kind] for kind in kinds)
    said = f"the id of a claim ({', '.join(kinds)}): TYPE-- and a random UUID in lower case"
    return Pattern(re.compile(f"({names})--{UUID4}"), said, UUID_BITS + math.log2(len(kinds)))


DIGEST: Final = Pattern(
    re.compile(r"[0-9a-f]{64}"), "the SHA-256 of the rule's content, 64 hexadecimal digits", 0.0
)
"""No bits of its own: it must be the digest of the rule."""
SHA256: Final = Pattern(re.compile(r"[0-9a-f]{64}"), "a SHA-256 in 64 hexadecimal digits", 256.0)
EPOCH: Final = Pattern(
    re.compile(r"[a-z0-9][a-z0-9._-]{0,63}"),
    "the name of a key epoch: 1 to 64 of a-z, 0-9, dot, underscore and hyphen",
    64 * math.log2(39),
)


@dataclass(frozen=True, slots=True)
class Name:
    """Name of a sharing group or of a member, which must exist where that can be looked up."""

    member: bool

    def check(self, value: Any, path: str, context: Context) -> None:
        if (
            not isinstance(value, str)
            or len(value) > NAME_CHARS
            or not _NAME.fullmatch(value)
            or resembles(value)
        ):
            wrong(value, path, self.told(), context)
        elif context.directory is not None:
            known = context.directory.members if self.member else context.directory.groups
            if value not in known:
                noun = "member" if self.member else "sharing group"
                context.refuse(path, f"no {noun} of the hub has this name")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_NAME.pattern}$", "maxLength": NAME_CHARS}

    def told(self) -> str:
        noun = "member" if self.member else "sharing group"
        return f"the name of a {noun} that the hub knows: lower-case letters, digits and hyphens"

    def bits(self) -> float:
        return 8.0  # a hub has some hundred members at most


@dataclass(frozen=True, slots=True)
class Listing:
    """A list without repetition in ascending order, so that its order tells nothing."""

    inner: Value
    most: int
    subset_of: int = 0
    """Size of the closed list it is chosen from; 0 if there is none."""

    def check(self, value: Any, path: str, context: Context) -> None:
        if not isinstance(value, list) or not value:
            wrong(value, path, "a list that is not empty", context)
            return
        if len(value) > self.most:
            context.refuse(path, f"must have at most {self.most} members")
            return
        before = len(context.found)
        for place, part in enumerate(value):
            self.inner.check(part, f"{path}.[{place}]", context)
        if len(context.found) == before and value != sorted(set(value)):
            context.refuse(path, "must be in ascending order without repetition", "sort it")

    def schema(self) -> dict[str, Any]:
        return {
            "type": "array",
            "items": self.inner.schema(),
            "minItems": 1,
            "maxItems": self.most,
            "uniqueItems": True,
        }

    def told(self) -> str:
        return f"up to {self.most}, in ascending order, each {self.inner.told()}"

    def bits(self) -> float:
        if self.subset_of:
            return float(self.subset_of)
        return self.most * self.inner.bits() - math.lgamma(self.most + 1) / math.log(2)


@dataclass(frozen=True, slots=True)
class Second:
    """An instant cut to its second, in STIX's form with milliseconds."""

    def check(self, value: Any, path: str, context: Context) -> None:
        if not isinstance(value, str) or len(value) != _SECOND_CHARS or value[19:] != ".000Z":
            wrong(value, path, self.told(), context)
            return
        try:
            micros = parse_time(value)
        except ValueError:
            wrong(value, path, self.told(), context)
            return
        day = from_micros(micros).date()
        if not FIRST_DAY <= day <= context.today + timedelta(days=1):
            context.refuse(path, f"must lie between {FIRST_DAY} and tomorrow")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$"}

    def told(self) -> str:
        return "an instant cut to its second, YYYY-MM-DDTHH:MM:SS.000Z"

    def bits(self) -> float:
        return math.log2(_DAYS * 86_400)


@dataclass(frozen=True, slots=True)
class Fives:
    """A confidence in steps of five."""

    def check(self, value: Any, path: str, context: Context) -> None:
        if type(value) is not int or value not in _FIVES:
            wrong(value, path, self.told(), context)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(_FIVES)}

    def told(self) -> str:
        return "a multiple of 5 from 0 to 100"

    def bits(self) -> float:
        return math.log2(len(_FIVES))


@dataclass(frozen=True, slots=True)
class Only:
    """One value, or one of a few; compared as a whole."""

    allowed: tuple[Any, ...]
    said: str

    def check(self, value: Any, path: str, context: Context) -> None:
        if not any(type(value) is type(one) and value == one for one in self.allowed):
            context.refuse(path, f"must be {self.said}")

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.allowed)}

    def told(self) -> str:
        return self.said

    def bits(self) -> float:
        return math.log2(len(self.allowed))


SECOND: Final = Second()
CONFIDENCE: Final = Fives()
OWN_ID: Final = reference(tuple(TYPES))
IDENTITY: Final = Pattern(
    re.compile(rf"identity--{UUID45}"), "the id of the publisher's identity, identity--UUID", 0.0
)
"""No bits of its own: the hub knows whose key signed."""
MARKING: Final = Only(
    tuple([ref] for ref in MARKINGS.values()), "a list of one TLP 2.0 marking, by its id"
)
REVOKED: Final = Only((True,), "true, or left out")
