"""Banned actors who come back elsewhere under other spellings, among innocents who look like them.

Everything is generated. An actor is caught at one lab with several identifiers; at another lab it
reuses some of them, written differently (plus-tags, dots, case, national and international phone
numbers, a neighbouring address in the same /24). Innocents are made to be mistaken: neighbours in
an actor's address block, the same TLS client, the name before the @ at another provider, a phone
number one digit away, a popular organisation name.
"""

import random
import uuid
from dataclasses import dataclass

from examples.closed_loop.identities import (
    PROVIDERS,
    STRONG,
    Person,
    fresh,
    neighbour,
    otherwise,
)


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
    caught = [Person(f"actor-{i}", fresh(rng)) for i in range(actors)]
    return World(caught, [_lab(caught, innocents, rng) for _ in range(labs)])


def _lab(caught: list[Person], innocents: int, rng: random.Random) -> Lab:
    theirs = {actor.values["phone"] for actor in caught}  # the numbering plan is small
    people = [_innocent(caught, theirs, rng) for _ in range(innocents)]
    strong, weak = set[str](), set[str]()
    for actor in caught:
        reused = rng.sample(STRONG, rng.choice((1, 1, 1, 2, 2, 3))) if rng.random() < 0.9 else []
        values = fresh(rng)
        values |= otherwise(actor.values, reused, rng)
        values["ip"] = neighbour(actor.values["ip"], rng)
        person = Person(f"acct-{uuid.UUID(int=rng.getrandbits(128)).hex}", values)
        (strong if reused else weak).add(person.id)
        people.append(person)
    rng.shuffle(people)
    return Lab(people, frozenset(strong), frozenset(weak))


def _innocent(caught: list[Person], theirs: set[str], rng: random.Random) -> Person:
    values = fresh(rng)
    near = rng.choice(caught).values
    what = rng.random()
    if what < 0.05:
        values["ip"] = neighbour(near["ip"], rng)
    elif what < 0.08:
        values |= {"ja4": near["ja4"], "asn": near["asn"]}
    elif what < 0.11:
        name, _, provider = near["email"].partition("@")
        values["email"] = f"{name}@{rng.choice([p for p in PROVIDERS if p != provider])}"
    elif what < 0.14:
        values["phone"] = near["phone"][:-1] + str((int(near["phone"][-1]) + 1) % 10)
    elif what < 0.17:
        values["organisation"] = near["organisation"]
    while values["phone"] in theirs:
        values["phone"] = fresh(rng)["phone"]
    return Person(f"acct-{uuid.UUID(int=rng.getrandbits(128)).hex}", values)
