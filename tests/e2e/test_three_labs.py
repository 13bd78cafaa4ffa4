"""Actors banned at one lab, recognised at two others: processes, a ceremony, HTTP, the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.matching.leaks import Needles
from bench.matching.people import World, compose
from examples.closed_loop.forum import EPOCH, LABS, Forum
from examples.closed_loop.identities import write

from stillwatch.domain.identifier import oprf_input
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.identifiers.interface import Tally
from stillwatch.sharing.identifiers.table import record_identifiers


@pytest.fixture(scope="module")
def world() -> World:
    return compose(12, 60, 2, seed=3)


@pytest.fixture(scope="module")
def forum(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Forum]:
    with Forum(tmp_path_factory.mktemp("forum")) as made:
        write(made.folder / "caught.csv", world.caught, "actor")
        made.publish("alpha", made.folder / "caught.csv", "--region", "US")
        for lab in LABS[1:]:
            text = made.settings(lab).read_text()
            made.settings(lab).write_text(text.replace('# region = "DE"', 'region = "US"'))
            made.share(lab, "pull")
        yield made


def screened(forum: Forum, world: World, lab: str) -> tuple[set[str], set[str]]:
    """Customers with a lead, and those who come back with a strong identifier."""
    truth = world.labs[LABS.index(lab) - 1]
    table, out = forum.folder / f"{lab}.csv", forum.folder / f"{lab}.jsonl"
    write(table, truth.people, "customer_id")
    forum.screen(lab, "--customers", table, "--out", out)
    leads = [json.loads(line) for line in out.read_text().splitlines()]
    assert {lead["step"] for lead in leads} <= {"note", "review", "challenge"}
    return {lead["subject"] for lead in leads}, set(truth.strong)


def test_other_labs_recognise_them_and_nobody_else_learns(forum: Forum, world: World) -> None:
    for lab in LABS[1:]:
        found, returning = screened(forum, world, lab)
        assert returning
        assert found == returning

    truth = world.labs[0]
    back = next(person for person in truth.people if person.id in truth.strong)
    lead = forum.screen("beta", stdin=json.dumps(back.values))
    assert lead["step"] == "challenge"
    new = {**back.values, "email": "someone.else@gmail.com", "phone": "+12125550000"}
    new |= {"payment": "stripe:another", "device": "5b0e7a55-2b0e-4c9e-9d5e-8f1f7f0c3a11"}
    assert forum.screen("beta", stdin=json.dumps(new))["step"] == "none"

    people = [*world.caught, *(person for lab in world.labs for person in lab.people)]
    texts = set[bytes]()
    for person in people:
        texts |= {person.values[name].encode() for name in ("email", "phone", "payment", "device")}
        made, _ = record_identifiers(person.values, Layout(region="US"), Tally())
        texts |= {oprf_input(one, EPOCH) for one in made}
        texts |= {one.value.encode() for one in made if one.kind.value in ("email", "phone", "ip4")}
    needles = Needles(texts)
    stored = forum.stored()
    assert any(name.startswith("wire-evaluator") and data for name, data in stored.items())
    assert {name: needles.found(data) for name, data in stored.items() if needles.found(data)} == {}
    mine = Path(forum.folder / "alpha" / "share.db").read_bytes()
    assert needles.found(mine), "the search finds them where they are"
