"""Banned actors who come back elsewhere under other spellings, among innocents who look like them.

Everything is generated. An actor is caught at one lab with several identifiers; at another lab it
reuses some of them, written differently (plus-tags, dots, case, national and international phone
numbers, a neighbouring address in the same /24). Innocents are made to be mistaken: neighbours in
an actor's address block, the same TLS client, the name before the @ at another provider, a phone
number one digit away, a popular organisation name.
"""

import csv
import random
import string
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

FIELDS = ("email", "phone", "payment", "device", "organisation", "ip", "ja4", "asn")
STRONG = ("email", "phone", "payment", "device")
_PROVIDERS = ("gmail.com", "outlook.com", "proton.me", "163.com", "yandex.ru", "gmx.de")
_ASNS = tuple(range(3000, 3040))
_SYLLABLES = [first + vowel for first in "bdfghjklmnprstvz" for vowel in "aeiou"]
_COMMON = ("Freelance Studio", "Data Labs", "Open Research Group", "Cloud Works")


@dataclass(frozen=True, slots=True)
class Person:
    """One account at one lab."""

    id: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Lab:
    """Customers of a lab, and which of them are banned elsewhere."""

    people: list[Person]
    strong: frozenset[str]
    """Ids of returning actors that reuse at least one strong identifier."""
    weak: frozenset[str]
    """Ids of returning actors that share an address block only."""


@dataclass(frozen=True, slots=True)
class World:
    """Actors caught at the first lab, and the customers of the others."""

    caught: list[Person]
    labs: list[Lab]


def compose(actors: int, innocents: int, labs: int, seed: int) -> World:
    """A world: ``innocents`` per lab; nine of ten actors come back with a strong identifier."""
    rng = random.Random(seed)
    caught = [Person(f"actor-{i}", _fresh(rng)) for i in range(actors)]
    return World(caught, [_lab(caught, innocents, rng) for _ in range(labs)])


def write(path: Path, people: Iterable[Person], id_column: str) -> None:
    """A CSV table of people, as a lab would export it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([id_column, *FIELDS])
        for person in people:
            rows.writerow([person.id, *(person.values.get(name, "") for name in FIELDS)])


def _lab(caught: list[Person], innocents: int, rng: random.Random) -> Lab:
    theirs = {actor.values["phone"] for actor in caught}  # the numbering plan is small
    people = [_innocent(caught, theirs, rng) for _ in range(innocents)]
    strong, weak = set[str](), set[str]()
    for actor in caught:
        reused = rng.sample(STRONG, rng.choice((1, 1, 1, 2, 2, 3))) if rng.random() < 0.9 else []
        values = _fresh(rng)
        values |= {name: _OTHERWISE[name](actor.values[name], rng) for name in reused}
        values["ip"] = _neighbour(actor.values["ip"], rng)
        person = Person(f"acct-{uuid.UUID(int=rng.getrandbits(128)).hex}", values)
        (strong if reused else weak).add(person.id)
        people.append(person)
    rng.shuffle(people)
    return Lab(people, frozenset(strong), frozenset(weak))


def _innocent(caught: list[Person], theirs: set[str], rng: random.Random) -> Person:
    values = _fresh(rng)
    near = rng.choice(caught).values
    what = rng.random()
    if what < 0.05:
        values["ip"] = _neighbour(near["ip"], rng)
    elif what < 0.08:
        values |= {"ja4": near["ja4"], "asn": near["asn"]}
    elif what < 0.11:
        name, _, provider = near["email"].partition("@")
        values["email"] = f"{name}@{rng.choice([p for p in _PROVIDERS if p != provider])}"
    elif what < 0.14:
        values["phone"] = near["phone"][:-1] + str((int(near["phone"][-1]) + 1) % 10)
    elif what < 0.17:
        values["organisation"] = near["organisation"]
    while values["phone"] in theirs:
        values["phone"] = _fresh(rng)["phone"]
    return Person(f"acct-{uuid.UUID(int=rng.getrandbits(128)).hex}", values)


def _fresh(rng: random.Random) -> dict[str, str]:
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


def _host(rng: random.Random) -> str:
    return rng.choice(_PROVIDERS) if rng.random() < 0.8 else f"{_word(rng, 5)}.com"


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


def _neighbour(address: str, rng: random.Random) -> str:
    return address.rpartition(".")[0] + f".{rng.randrange(1, 255)}"


_OTHERWISE: dict[str, Callable[[str, random.Random], str]] = {
    "email": _email,
    "phone": _phone,
    "payment": _payment,
    "device": _device,
}
