"""Which rows are one actor's: what hub and members hold does not tell, by any of these statistics.

The attacker compares all pairs of real rows of a pack (more than it knows: it cannot even tell
them from dummies) by their distance in the order and by the bits in which they differ. If siblings
are nearer, or farther, than pairs of strangers, their mean rank among all pairs is not one half;
how far it strays by chance is measured by giving the same rows to actors at random.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from stillwatch.domain.identifier import oprf_input
from stillwatch.errors import NotTrusted
from stillwatch.hub.database import connect
from stillwatch.hub.schema import audit, packs
from stillwatch.hub.setup import initialise
from stillwatch.sharing.matching.interface import tag_of
from stillwatch.sharing.matching.pack import parse
from stillwatch.sharing.matching.record import Row, open_row
from stillwatch.store import tagging as kept
from tests.databases import sqlite
from tests.sharers import Labs, labs
from tests.tagging import SEEN, TODAY, Lab, address, email

PACKS, ACTORS, EACH = 18, 24, 8
SHUFFLES = 200
STRAY = 5.0
"""Standard errors that are no chance any more: one in a million for each statistic."""
PARTS = {"tag": slice(0, 16), "nonce": slice(16, 40), "sealed": slice(40, 312)}


@pytest.fixture
def forum(tmp_path: Path) -> Iterator[Labs]:
    with sqlite(tmp_path) as url:
        made = initialise(url, tmp_path / "log.key", "hub.test/log")
        with labs(tmp_path, url, tmp_path / "log.key", made.vkey) as opened:
            yield opened


@pytest.fixture
def alpha(forum: Labs) -> Lab:
    return Lab(forum, "alpha")


@pytest.fixture
def beta(forum: Labs) -> Lab:
    return Lab(forum, "beta")


Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of one pack: places of its real rows, their bytes (rows, 312), and the actor of each, 0, 1, ..."""


def sampled(lab: Lab, content: bytes) -> Sample:
    """What its publisher knows of a pack, for the judgement."""
    with lab.store() as store, store.begin() as connection:
        actor = {one.row: one.claim for one in kept.rows_of(connection, "2026-q4") if one.claim}
    rows = [bytes(row) for row in parse(content)]
    real = [at for at, row in enumerate(rows) if row in actor]
    _, numbers = np.unique([actor[rows[at]] for at in real], return_inverse=True)
    data = np.frombuffer(b"".join(rows[at] for at in real), np.uint8).reshape(len(real), -1)
    return np.array(real), data, numbers


def distances(sample: Sample) -> dict[str, np.ndarray]:
    """Of all pairs of rows, by each statistic, as ranks from 0 to 1."""
    places, data, _ = sample
    one, other = np.triu_indices(len(places), 1)
    found = {"order": np.abs(places[one] - places[other]).astype(float)}
    for name, part in PARTS.items():
        bits = data[:, part]
        found[name] = np.bitwise_count(bits[one] ^ bits[other]).sum(axis=1).astype(float)
    return {name: _ranks(values) for name, values in found.items()}


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ties have their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - (counts - 1) / 2 - 0.5) / len(values))[inverse]


def strayed(samples: Sequence[Sample], seed: int = 1) -> dict[str, tuple[float, float]]:
    """Of each statistic: how far siblings stray from one half, and the standard error of that."""
    rng = np.random.default_rng(seed)
    totals: dict[str, np.ndarray] = {}
    for sample in samples:
        actors = sample[2]
        one, other = np.triu_indices(len(actors), 1)
        deals = [actors, *(rng.permutation(actors) for _ in range(SHUFFLES))]
        siblings = [np.flatnonzero(deal[one] == deal[other]) for deal in deals]
        for name, ranks in distances(sample).items():
            means = np.array([ranks[pairs].mean() for pairs in siblings])
            totals[name] = totals.get(name, 0) + means / len(samples)
    return {
        name: (float(means[0] - means[1:].mean()), float(means[1:].std(ddof=1)))
        for name, means in totals.items()
    }


@pytest.fixture
def samples(alpha: Lab) -> list[Sample]:
    found = []
    for number in range(PACKS):
        alpha.catch(
            {
                f"{number}/{actor}": {email(f"p{number}a{actor}n{n}") for n in range(EACH)}
                for actor in range(ACTORS)
            }
        )
        waiting = [one["id"] for one in alpha.labs.run("alpha", "review")]
        releases = [word for one in waiting for word in ("--release", one)]
        alpha.labs.run("alpha", "review", *releases, "--by", "reviewer")
        *_, pack = alpha.prepare(released=True).packs
        found.append(sampled(alpha, pack.content))
    return found


def test_siblings_are_as_near_as_strangers_and_one_bit_would_be_seen(samples: list[Sample]) -> None:
    """12,096 pairs of siblings in 18 packs. The power: what shifts ranks by 0.025 is found."""
    assert [len(actors) for _, _, actors in samples] == [ACTORS * EACH] * PACKS
    found = strayed(samples)
    for name, (far, error) in found.items():
        assert abs(far) < STRAY * error, name
        # a shift of 0.025 is beyond 5 errors in 99 of 100 runs
        assert (STRAY + 2.33) * error < 0.025, name

    # the same statistics find each of these at once
    leaks: dict[str, Callable[[Sample], Sample]] = {
        "order": _side_by_side,
        "tag": lambda sample: _marked(sample, 0, 1),
        "nonce": lambda sample: _marked(sample, 16, 2),
        "sealed": lambda sample: _marked(sample, 40, 8),
    }
    for name, leak in leaks.items():
        far, error = strayed([leak(sample) for sample in samples])[name]
        assert far < -STRAY * error, f"a leak by {name} is not seen"


def _side_by_side(sample: Sample) -> Sample:
    """As if rows stood as they were caught."""
    places, data, actors = sample
    order = np.argsort(actors, kind="stable")
    return places, data[order], actors[order]


def _marked(sample: Sample, byte: int, bits: int) -> Sample:
    """As if so many bits of a byte were a hash of the actor."""
    places, data, actors = sample
    mask = np.uint8((1 << bits) - 1)
    mixed = ((actors * 167 + 91) % 251).astype(np.uint8)
    spoiled = data.copy()
    spoiled[:, byte] = (data[:, byte] & ~mask) | (mixed & mask)
    return places, spoiled, actors


def scrubbed(text: str, lab: Lab) -> Any:
    """A claim without what is random or a time."""
    said = json.loads(text)
    names = {
        "id",
        "name",
        "created",
        "modified",
        "valid_from",
        "valid_until",
        "signature",
        "pack",
        "pattern",
    }

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: "…" if key in names or key.endswith("_ref") else walk(one)
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [walk(one) for one in value]
        return value

    whole = json.dumps(walk(said), sort_keys=True)
    for word in (str(lab.settings.identity), str(said.get("name")), str(said.get("id"))):
        whole = whole.replace(word, "…")
    return whole


def claims_at_the_hub(lab: Lab) -> list[str]:
    """A member's claims without what is random or a time."""
    with lab.labs.world.client("gamma") as client:
        path = f"/api/collections/{lab.labs.world.ids['claims']}/objects/"
        objects = client.get(path).json()["objects"]
    mine = [one for one in objects if str(lab.settings.identity) in json.dumps(one)]
    return sorted(scrubbed(json.dumps(one), lab) for one in mine)


def acts_at_the_hub(url: str) -> tuple[list[int], Counter[str]]:
    """Sizes of packs, and the acts of the audit."""
    database = connect(url)
    with database.read() as connection:
        sizes = [len(one) for one in connection.scalars(select(packs.c.content))]
        acts = Counter[str]()
        for row in connection.execute(select(audit.c.action, audit.c.count)):
            acts[row.action] += row.count
    database.close()
    return sizes, acts


def test_what_the_hub_holds_does_not_depend_on_whose_rows_they_are(tmp_path: Path) -> None:
    """63 identifiers of one actor and one of another, or 32 of each: the same claims and acts."""
    claims, acts = [], []
    for sizes in ((63, 1), (32, 32)):
        folder = tmp_path / f"{sizes[0]}"
        folder.mkdir()
        with sqlite(folder) as url:
            made = initialise(url, folder / "log.key", "hub.test/log")
            with labs(folder, url, folder / "log.key", made.vkey) as forum:
                lab = Lab(forum, "alpha")
                lab.say(
                    {
                        f"actor {place}": {email(f"a{place}n{n}") for n in range(size)}
                        for place, size in enumerate(sizes)
                    }
                )
                lab.share()
                claims.append(claims_at_the_hub(lab))
            acts.append(acts_at_the_hub(url))  # the hub has ended, and its audit is written
    for one, other in zip(*claims, strict=True):
        assert one == other
    assert len(claims[0]) == 3
    assert acts[0] == acts[1]
    assert acts[0][0] == [16 + 256 * 312]
    assert acts[0][1]["pack.post"] == 1


def rows_of(lab: Lab, claim: str) -> set[bytes]:
    with lab.store() as store, store.begin() as connection:
        return {one.row[:16] for one in kept.rows_of(connection, "2026-q4") if one.claim == claim}


def read(lab: Lab) -> dict[bytes, set[bytes]]:
    """What a reader has of all packs: contents by tag."""
    lab.pull()
    found: dict[bytes, set[bytes]] = {}
    for path in lab.settings.tags.glob("*.pack"):
        for row in parse(path.read_bytes()):
            found.setdefault(row.tag, set()).add(bytes(row))
    return found


@pytest.mark.parametrize("snapshot", [False, True])
def test_rows_that_are_sealed_anew_come_with_dummies(alpha: Lab, beta: Lab, snapshot: bool) -> None:
    """An actor that is seen again has the same tags in a later pack: alone, they would be linked."""
    alpha.say({"one": {email(f"a{n}") for n in range(5)}, "two": {email("b"), address(1)}})
    alpha.share()
    before = read(beta)
    again = replace(SEEN, last=TODAY)
    alpha.catch({"one": {email(f"a{n}") for n in range(5)}}, again)
    alpha.share(snapshot=snapshot)
    after = read(beta)
    changed = {tag for tag in before if after.get(tag, before[tag]) != before[tag]}
    with alpha.store() as store, store.begin() as connection:
        claim = next(c for c in kept.holders(connection) if len(rows_of(alpha, c)) == 5)
    mine = rows_of(alpha, claim)
    assert mine <= changed
    assert 5 + 5 + 16 <= len(changed) <= 5 + 5 + 48
    assert len(beta.find(email("a3"))) == (1 if snapshot else 2)
    # and the dummies that came again stay what they are
    alpha.share(snapshot=True)
    assert set(after) <= set(read(beta))


def test_there_are_dummies_however_many_rows_there_are(alpha: Lab, beta: Lab) -> None:
    """250 rows would leave room for six dummies: too few to hide who goes."""
    alpha.say({"one": {email(f"a{n}") for n in range(5)}})
    alpha.say({"two": {email(f"b{n}") for n in range(245)}})
    (pack,) = alpha.share().stored
    assert pack.rows == 512
    before = read(beta)
    (claim,) = {one.claim for one in beta.find(email("a1"))}
    alpha.labs.run("alpha", "revoke", claim, "--reason", "an error", "--by", "reviewer")
    alpha.publish()
    alpha.share(snapshot=True)
    gone = set(before) - set(read(beta))
    assert 5 + 5 + 16 <= len(gone) <= 5 + 5 + 48


def test_how_many_rows_went_with_an_actor_is_not_told(alpha: Lab, beta: Lab) -> None:
    """A revocation and the snapshot after it: what has gone is by far not the actor's alone."""
    told = set()
    for number in range(6):
        ids = alpha.say({"one": {email(f"{number}a{n}") for n in range(3)}})
        alpha.share(snapshot=True)
        before = read(beta)
        alpha.labs.run("alpha", "revoke", ids[0], "--reason", "an error", "--by", "reviewer")
        alpha.publish()
        alpha.share(snapshot=True)
        gone = set(before) - set(read(beta))
        assert 3 + 3 + 16 <= len(gone) <= 3 + 3 + 48
        told.add(len(gone))
    assert len(told) > 1


def test_who_matches_one_row_opens_no_sibling_of_it(alpha: Lab, beta: Lab) -> None:
    """Siblings name the same claim, but inside the seals of their own outputs only."""
    (claim,) = alpha.say({"one": {email(f"a{n}") for n in range(8)} | {address(1)}})
    alpha.share()
    rows = [Row.parse(row) for its in read(beta).values() for row in its]
    (output,) = beta.tagger.outputs([oprf_input(email("a3"), "2026-q4")], proven=False)
    publisher, opened = alpha.settings.identity, []
    for row in rows:
        for tag in {row.tag, tag_of(output)}:  # under its own tag, and under the one that is known
            try:
                opened.append(open_row(replace(row, tag=tag), output, publisher, "2026-q4"))
            except NotTrusted:
                continue
    assert [(one.claim, one.kind) for one in opened] == [(claim, "email")]
    # the log's claim of the actor does not name its rows, nor the rows the claim
    assert not any(claim.encode() in bytes(row) for row in rows)
