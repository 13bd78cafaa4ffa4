"""Participants that hold a ceremony in memory, honest unless a test says otherwise."""

from dataclasses import dataclass, field
from datetime import date

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.ceremony.commits import check_commits
from stillwatch.crypto.ceremony.messages import unsigned
from stillwatch.crypto.ceremony.plan import Seat, draw_plan
from stillwatch.crypto.ceremony.rounds import gather, start
from stillwatch.crypto.epoch_document import sign
from stillwatch.crypto.jws import sign_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.statements import Key
from tests.epochs import member


@dataclass
class Ceremony:
    plan: object
    keys: list
    people: list = field(init=False)

    def __post_init__(self):
        self.people = [start(self.plan, key) for key in self.keys]

    def commits(self):
        return [one.commit(key) for one, key in zip(self.people, self.keys, strict=True)]

    def deals(self, commits):
        pairs = zip(self.people, self.keys, strict=True)
        return [message for one, key in pairs for message in one.deal(key, commits)]

    def finish(self, old_shares=None):
        commits = check_commits(self.plan, self.commits())
        deals = self.deals(commits)
        return [
            one.finish(key, commits, to(deals, one.index), old_shares and old_shares[place])
            for place, (one, key) in enumerate(zip(self.people, self.keys, strict=True))
        ]


def to(deals, index):
    return [message for message in deals if message["body"]["to"] == index]


def seats(keys, indices=None):
    indices = indices or range(1, len(keys) + 1)
    return [
        Seat(index, member(index), key.public, f"https://e{index}.example.com")
        for index, key in zip(indices, keys, strict=True)
    ]


def ceremony(threshold=2, holders=3, name="2026-q4", indices=None):
    keys = [SigningKey.generate() for _ in range(holders)]
    return Ceremony(draw_plan(name, threshold, seats(keys, indices), date(2026, 10, 1)), keys)


def known(plan):
    return {s.key_id: Key(s.key_id, s.member, s.public, 0) for s in plan.seats}


def document(plan, keys, finished):
    signatures = {key.id: sign(one.epoch, key) for key, one in zip(keys, finished, strict=True)}
    return gather(plan, finished[0].epoch, signatures)


def again(message, key, **changes):
    """A message with members changed, signed anew: what a hostile participant can send."""
    changed = {**unsigned(message), **changes}
    return {**changed, "signature": sign_detached(canonical(changed), key)}
