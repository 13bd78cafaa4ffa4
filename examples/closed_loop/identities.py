"""What a customer is known by, and the same written otherwise, as people who come back write it.

Everything is generated: numbers, cards and devices are of nobody.
"""

import csv
import random
import string
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

FIELDS = ("email", "phone", "payment", "device", "organisation", "ip", "ja4", "asn")
STRONG = ("email", "phone", "payment", "device")
PROVIDERS = ("gmail.com", "outlook.com", "proton.me", "163.com", "yandex.ru", "gmx.de")
_ASNS = tuple(range(3000, 3040))
_SYLLABLES = [first + vowel for first in "bdfghjklmnprstvz" for vowel in "aeiou"]
_COMMON = ("Freelance Studio", "Data Labs", "Open Research Group", "Cloud Works")


@dataclass(frozen=True, slots=True)
class Person:
    """One account at one lab."""

    id: str
    values: dict[str, str]


def fresh(rng: random.Random) -> dict[str, str]:
    """An identity that shares nothing with another, but by chance."""
    return {
        "email": f"{_word(rng, 3)}.{_word(rng, 3)}{rng.randrange(100)}@{_host(rng)}",
        "phone": f"+1{rng.choice((212, 415, 617, 303, 206))}{rng.randrange(2, 10)}"
        f"{rng.choice('0234')}{rng.randrange(10)}{rng.randrange(10_000):04}",
        "payment": "stripe:" + "".join(rng.choices(string.ascii_letters + string.digits, k=16)),
        "device": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "organisation": rng.choice(_COMMON) if rng.random() < 0.3 else f"{_word(rng, 4)} Ltd",
        "ip": f"{rng.choice((45, 77, 91, 185))}.{rng.randrange(256)}.{rng.randrange(256)}"
        f".{rng.randrange(1, 255)}",
        "ja4": f"t13d{rng.randrange(10, 20)}16h2_{rng.getrandbits(48):012x}_"
        f"{rng.getrandbits(48):012x}",
        "asn": str(rng.choice(_ASNS)),
    }


def otherwise(
    values: Mapping[str, str], names: Iterable[str], rng: random.Random
) -> dict[str, str]:
    """The named strong fields of ``values`` in another spelling."""
    return {name: _OTHERWISE[name](values[name], rng) for name in names}


def neighbour(address: str, rng: random.Random) -> str:
    """Another address of the same /24."""
    return address.rpartition(".")[0] + f".{rng.randrange(1, 255)}"


def write(path: Path, people: Iterable[Person], id_column: str) -> None:
    """A CSV table of people, as a lab would export it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([id_column, *FIELDS])
        for person in people:
            rows.writerow([person.id, *(person.values.get(name, "") for name in FIELDS)])


def _host(rng: random.Random) -> str:
    return rng.choice(PROVIDERS) if rng.random() < 0.8 else f"{_word(rng, 5)}.com"


def _word(rng: random.Random, syllables: int) -> str:
    return "".join(rng.choices(_SYLLABLES, k=syllables))


def _email(value: str, rng: random.Random) -> str:
    name, _, host = value.partition("@")
    if host == "gmail.com":
        name = name.replace(".", rng.choice(("", ".")))
        name = name[:2] + "." + name[2:] if rng.random() < 0.5 else name
        host = rng.choice((host, "googlemail.com", "GMAIL.com"))
    name = name + f"+{_word(rng, 1)}" if rng.random() < 0.6 else name
    return rng.choice((str.lower, str.upper, str.title))(f"{name}@{host}")


def _phone(value: str, rng: random.Random) -> str:
    area, office, line = value[2:5], value[5:8], value[8:]
    forms = ("+1 ({}) {}-{}", "1-{}-{}-{}", "({}) {} {}", "{}.{}.{}", "001 {} {} {}")
    return rng.choice(forms).format(area, office, line)


def _device(value: str, rng: random.Random) -> str:
    return rng.choice((value.upper(), "{" + value + "}", value.replace("-", "")))


def _payment(value: str, _: random.Random) -> str:
    return f" {value} "


_OTHERWISE: dict[str, Callable[[str, random.Random], str]] = {
    "email": _email,
    "phone": _phone,
    "payment": _payment,
    "device": _device,
}
