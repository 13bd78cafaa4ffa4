"""Actors banned at one lab, recognised at two others; and what everybody else got to see.

    cd bench && python -m matching.three_labs [--actors 500] [--innocents 100000]

Processes, databases, a hub and three evaluators over HTTP, all by the program's own commands
(``examples/closed_loop/forum.py``). A customer counts as recognised from the step ``--least`` on, as falsely matched
with any lead at all.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import DATA, emit
from examples.closed_loop.forum import EPOCH, LABS, Forum, fresh
from examples.closed_loop.identities import Person, write
from stillwatch.domain.identifier import oprf_input
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.identifiers.interface import Tally
from stillwatch.sharing.identifiers.table import record_identifiers

from .leaks import Needles
from .people import Lab, World, compose

REGION = "US"
_SCANNED = 3000
"""Innocents whose identifiers are looked for, beside all actors and all who come back."""


@dataclass(frozen=True)
class Screened:
    """What one lab found."""

    lab: str
    recognised: int
    returning: int
    weak: int
    """Actors with nothing but an address block in common that were matched."""
    false: int
    innocents: int
    steps: dict[str, int]
    wall_s: float
    cpu_s: float


def measure(folder: Path, actors: int, innocents: int, seed: int) -> dict[str, Any]:
    """Run it once; figures of each lab and of the search for leaks."""
    world = compose(actors, innocents, 2, seed)
    fresh(folder)
    with Forum(folder) as forum:
        forum.grant(innocents * 12 + actors * 24)
        write(folder / "caught.csv", world.caught, "actor")
        began = time.monotonic()
        ids = forum.publish(LABS[0], folder / "caught.csv", "--region", REGION)
        published = time.monotonic() - began
        found = [
            _screen(forum, lab, world.labs[place], folder) for place, lab in enumerate(LABS[1:])
        ]
        leaks = _leaks(forum, world)
    return {"actors": len(ids), "publish_s": published, "labs": found, **leaks}


def _screen(forum: Forum, lab: str, truth: Lab, folder: Path) -> Screened:
    settings = forum.settings(lab)
    text = settings.read_text()
    settings.write_text(text.replace('# region = "DE"', f'region = "{REGION}"'))
    forum.share(lab, "pull")
    table, out = folder / f"{lab}.csv", folder / f"{lab}.jsonl"
    write(table, truth.people, "customer_id")
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    forum.screen(lab, "--customers", table, "--out", out)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    leads = [json.loads(line) for line in out.read_text().splitlines()]
    matched = {lead["subject"]: lead["step"] for lead in leads}
    steps: dict[str, int] = {}
    for step in matched.values():
        steps[step] = steps.get(step, 0) + 1
    return Screened(
        lab,
        len(matched.keys() & truth.strong),
        len(truth.strong),
        len(matched.keys() & truth.weak),
        len(matched.keys() - truth.strong - truth.weak),
        len(truth.people) - len(truth.strong) - len(truth.weak),
        steps,
        time.monotonic() - began,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def _leaks(forum: Forum, world: World) -> dict[str, Any]:
    back = [p for lab in world.labs for p in lab.people if p.id in lab.strong | lab.weak]
    innocent = [p for lab in world.labs for p in lab.people if p.id not in lab.strong | lab.weak]
    people = [*world.caught, *back, *innocent[:_SCANNED]]
    needles = Needles({text for person in people for text in _texts(person)})
    stored = forum.stored()
    found = [(place, needle) for place, data in stored.items() for _, needle in needles.found(data)]
    return {
        "needles": len(needles),
        "places": len(stored),
        "scanned_mb": sum(map(len, stored.values())) / 1e6,
        "leaks": len(found),
        "leaked": found[:5],
    }


def _texts(person: Person) -> Iterator[bytes]:
    known = ("email", "phone", "payment", "device", "ip", "ja4")
    yield from (person.values[name].strip().encode() for name in known)
    made, _ = record_identifiers(person.values, Layout(region=REGION), Tally())
    for identifier in made:
        if identifier.kind.value not in ("organisation", "domain"):
            yield identifier.value.encode()
        yield oprf_input(identifier, EPOCH)


def measured(actors: int = 500, innocents: int = 100_000, seed: int = 1) -> dict[str, Any]:
    """A table of it."""
    told = measure(DATA / "three-labs", actors, innocents, seed)
    rows = [
        [
            one.lab,
            f"{one.recognised} of {one.returning}",
            f"{one.weak} of {actors - one.returning}",
            f"{one.false} of {one.innocents:,}",
            ", ".join(f"{n} {step}" for step, n in sorted(one.steps.items())),
            f"{one.cpu_s:.0f}",
            f"{one.wall_s:.0f}",
        ]
        for one in told["labs"]
    ]
    head = ["lab", "recognised, of those with a strong identifier", "of those with none",
            "innocents matched", "leads", "client CPU-s", "wall s"]  # fmt: skip
    what = [
        ["actors published", told["actors"]],
        ["publishing took", f"{told['publish_s']:.0f} s"],
        ["bytes searched: hub, evaluators, wires", f"{told['scanned_mb']:,.0f} MB"],
        ["raw identifiers, inputs and their plain hashes looked for", f"{told['needles']:,}"],
        ["found", told["leaks"]],
    ]
    return {
        "tables": [
            {"title": "At the other labs", "head": head, "rows": rows},
            {"title": "What everybody else got to see", "head": ["", ""], "rows": what},
        ]
    }


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=500)
    parser.add_argument("--innocents", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    emit(measured(given.actors, given.innocents, given.seed), given.json)


if __name__ == "__main__":
    main()
