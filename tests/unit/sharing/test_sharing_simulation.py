"""A hub that is honest until it is not, in random ways, and members who follow it.

Laws: an honest log is never refused, and what a member then knows is what was said to it; a
dishonest answer is always refused, whatever happened before, and what was kept stays usable.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import VerifierKey, sign_note
from stillwatch.crypto.records import claim_record
from stillwatch.crypto.statements import add, end, restore, rotate, suspend
from stillwatch.sharing.history import Pull
from stillwatch.sharing.known import Audience, Known, Refused
from tests.memory_hub import (
    AT,
    GREEN,
    KEYS,
    ORIGIN,
    OTHER,
    RED,
    MemoryHub,
    claim,
    identity,
    signing_key,
)

AUDIENCES = (GREEN, RED, OTHER)


@dataclass
class Member:
    """A speaker, as an honest hub knows it."""

    identity: str
    key: SigningKey
    state: str = "active"


@dataclass
class World:
    """An honest hub with members; every operation leaves its log lawful."""

    hub: MemoryHub = field(default_factory=MemoryHub)
    members: list[Member] = field(default_factory=list)
    said: dict[int, tuple[int, int, bool, Audience]] = field(default_factory=dict)
    keys_made: int = 0

    def new_key(self) -> SigningKey:
        self.keys_made += 1
        return signing_key(1000 + self.keys_made)

    def speakers(self) -> list[int]:
        return [i for i, member in enumerate(self.members) if member.state == "active"]

    def join(self) -> None:
        member = Member(identity(len(self.members)), self.new_key())
        self.members.append(member)
        self.hub.state(add(member.identity, member.key, AT))

    def say(self, who: int, audience: Audience) -> None:
        number = len(self.said)
        self.said[number] = (who, 1, False, audience)
        self.hub.say(self.claim(number), audience)

    def claim(self, number: int) -> dict:
        who, version, over, _ = self.said[number]
        member = self.members[who]
        return claim(number, version, member.identity, member.key, revoked=over)

    def revise(self, number: int, *, over: bool) -> None:
        who, version, _, audience = self.said[number]
        self.said[number] = (who, version + 1, over, audience)
        self.hub.say(self.claim(number), audience)

    def step(self, draw: Callable) -> None:
        speakers = self.speakers()
        alive = [n for n, (who, _, over, _) in self.said.items() if who in speakers and not over]
        choices = ["join"] + ["say"] * 3 * bool(speakers) + ["revise", "revoke"] * bool(alive)
        choices += ["rotate", "suspend", "end"] * bool(speakers)
        choices += ["restore"] * any(m.state == "suspended" for m in self.members)
        match draw(st.sampled_from(choices)):
            case "join":
                self.join()
            case "say":
                self.say(draw(st.sampled_from(speakers)), draw(st.sampled_from(AUDIENCES)))
            case "revise":
                self.revise(draw(st.sampled_from(alive)), over=False)
            case "revoke":
                self.revise(draw(st.sampled_from(alive)), over=True)
            case "rotate":
                member = self.members[draw(st.sampled_from(speakers))]
                fresh = self.new_key()
                self.hub.state(rotate(member.identity, member.key, fresh, AT))
                member.key = fresh
            case "suspend" | "end" as action:
                member = self.members[draw(st.sampled_from(speakers))]
                kid = member.key.id
                if action == "suspend":
                    self.hub.state(suspend(member.identity, kid, AT))
                else:
                    self.hub.state(end(member.identity, kid, AT, "retired", member.key))
                member.state = "suspended" if action == "suspend" else "ended"
            case "restore":
                member = next(m for m in self.members if m.state == "suspended")
                self.hub.state(restore(member.identity, member.key.id, AT))
                member.state = "active"


@dataclass
class Reader:
    """A member's client, with what it is entitled to."""

    audiences: tuple[Audience, ...]
    known: Known = field(default_factory=lambda: Known(VerifierKey(ORIGIN, signing_key(0).public)))

    def follow(self, hub: MemoryHub, chunk: int) -> None:
        before = self.known.size
        self.known, claims = hub.pull(self.known, self.audiences, chunk=chunk)
        expected = [
            (index, record)
            for index, (record, audience) in enumerate(hub.log)
            if index >= before and audience in self.audiences and audience is not KEYS
        ]
        assert [(c.index, claim_record(c.collection, c.object)) for c in claims] == expected
        assert self.known.size == len(hub.log)


def readers() -> list[Reader]:
    return [Reader((KEYS, GREEN)), Reader((KEYS, *AUDIENCES)), Reader((RED, KEYS))]


@settings(max_examples=60)
@given(st.data())
def test_an_honest_log_is_never_refused(data):
    world, following = World(), readers()
    for _ in range(data.draw(st.integers(1, 25))):
        world.step(data.draw)
        if data.draw(st.booleans()):
            data.draw(st.sampled_from(following)).follow(world.hub, data.draw(st.integers(1, 9)))
    for reader in following:
        reader.follow(world.hub, 7)
    assert len({reader.known.frontier for reader in following}) == 1
    assert following[0].known.keys == following[1].known.keys
    for member in world.members:
        key = following[0].known.keys.of_identity(member.identity)
        assert (key.id, key.state) == (member.key.id, member.state)


# Ways to misbehave: each takes an honest world and answers a reader's pull in its own way.


def _answer(hub: MemoryHub, reader: Reader, note: str | None = None) -> None:
    hub.pull(reader.known, reader.audiences, note=note)


def rolls_back(world, reader, draw):
    if reader.known.size == 0:
        reject()
    size = draw(st.integers(0, reader.known.size - 1))
    _answer(world.hub, reader, world.hub.checkpoint(size))


def rewrites_the_past(world, reader, draw):
    if reader.known.size == 0:
        reject()
    index = draw(st.integers(0, reader.known.size - 1))
    record = draw(st.sampled_from([b'{"other":1}', world.hub.log[index - 1][0]]))
    forked = world.hub.replaced(index, record, draw(st.sampled_from([KEYS, *AUDIENCES])))
    if forked.entries == world.hub.entries:
        reject()
    _answer(forked, reader)


def drops_from_the_past(world, reader, draw):
    size = reader.known.size
    if size == 0:
        reject()
    index = draw(st.integers(0, size - 1))
    forked = MemoryHub()
    for at, (record, audience) in enumerate(world.hub.log):
        if at != index:
            forked.record(record, audience)
    _answer(forked, reader)


def swaps_two(world, reader, draw):
    size = reader.known.size
    if size < 2:
        reject()
    a, b = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
    forked = MemoryHub()
    log = list(world.hub.log)
    log[a], log[b] = log[b], log[a]
    for record, audience in log:
        forked.record(record, audience)
    if forked.entries == world.hub.entries:
        reject()
    _answer(forked, reader)


def signs_with_another_key(world, reader, draw):
    text = world.hub.checkpoint().partition("\n\n")[0] + "\n"
    _answer(world.hub, reader, sign_note(text, ORIGIN, signing_key(draw(st.integers(1, 9)))))


def flips_a_bit_of_the_note(world, reader, draw):
    note = world.hub.checkpoint()
    at = draw(st.integers(0, len(note) - 1))
    changed = note[:at] + chr(ord(note[at]) ^ 1) + note[at + 1 :]
    _answer(world.hub, reader, changed)


def flips_a_bit_of_an_entry(world, reader, draw):
    size = reader.known.size
    if size == len(world.hub.entries):
        reject()
    index = draw(st.integers(size, len(world.hub.entries) - 1))
    bit = draw(st.integers(0, 48 * 8 - 1))
    note, lying = world.hub.checkpoint(), world.hub.fork()
    entry = bytearray(lying.entries[index])
    entry[bit // 8] ^= 1 << bit % 8
    lying.entries[index] = bytes(entry)
    _answer(lying, reader, note)


def withholds(world, reader, draw):
    mine = [
        (index, record)
        for index, (record, audience) in enumerate(world.hub.log)
        if index >= reader.known.size and audience in reader.audiences
    ]
    if not mine:
        reject()
    _, withheld = draw(st.sampled_from(mine))
    lying = world.hub.fork()
    # two suspensions may read the same: then the one record would serve both leaves
    lying.log = [(b"" if record == withheld else record, seen) for record, seen in lying.log]
    _answer(lying, reader)


def alters_a_record(world, reader, draw):
    pull = Pull(reader.known, world.hub.checkpoint(), reader.audiences)
    pull.add_entries(world.hub.entries[reader.known.size :])
    records = world.hub.answer(pull.close_tree())
    if not records:
        reject()
    at = draw(st.integers(0, len(records) - 1))
    bit = draw(st.integers(0, len(records[at]) * 8 - 1))
    altered = bytearray(records[at])
    altered[bit // 8] ^= 1 << bit % 8
    pull.add_records([*records[:at], bytes(altered), *records[at + 1 :]])
    pull.finish()


def adds_a_record(world, reader, _draw):
    pull = Pull(reader.known, world.hub.checkpoint(), reader.audiences)
    pull.add_entries(world.hub.entries[reader.known.size :])
    records = world.hub.answer(pull.close_tree())
    pull.add_records([*records, claim_record("c1", claim(999, 1, identity(0), signing_key(7)))])
    pull.finish()


def changes_a_secret(world, reader, draw):
    if not reader.known.secrets:
        reject()
    swapped = draw(st.sampled_from(reader.audiences))
    audiences = [a for a in reader.audiences if a != swapped]
    audiences.append(Audience(swapped.id, swapped.collection, b"x" * 32))
    world.hub.pull(reader.known, audiences)


def speaks_for_another(world, reader, draw):
    if not world.members:
        reject()
    member = draw(st.sampled_from(world.members))
    others = [m.key for m in world.members if m is not member]
    key = draw(st.sampled_from([*others, signing_key(77)]))
    lying = world.hub.fork()
    lying.say(claim(888, 1, member.identity, key), _mine(reader))
    _answer(lying, reader)


def lets_the_silenced_speak(world, reader, draw):
    silent = [m for m in world.members if m.state != "active"]
    if not silent:
        reject()
    member = draw(st.sampled_from(silent))
    lying = world.hub.fork()
    lying.say(claim(888, 1, member.identity, member.key), _mine(reader))
    _answer(lying, reader)


def replays(world, reader, draw):
    seen = [
        n
        for n, (who, *_, audience) in world.said.items()
        if audience in reader.audiences and world.members[who].state == "active"
    ]
    if not seen:
        reject()
    number = draw(st.sampled_from(seen))
    who, version, over, audience = world.said[number]
    member = world.members[who]
    old = draw(st.integers(0, version))
    again = claim(number, old, member.identity, member.key, revoked=over)
    lying = world.hub.fork()
    lying.say(again, audience)
    _answer(lying, reader)


def goes_on_after_a_revocation(world, reader, draw):
    over = [
        n
        for n, (who, _, is_over, audience) in world.said.items()
        if is_over and audience in reader.audiences and world.members[who].state == "active"
    ]
    if not over:
        reject()
    number = draw(st.sampled_from(over))
    who, version, _, audience = world.said[number]
    member = world.members[who]
    lying = world.hub.fork()
    lying.say(claim(number, version + 5, member.identity, member.key), audience)
    _answer(lying, reader)


def states_a_key_nobody_vouched_for(world, reader, draw):
    if not world.members:
        reject()
    member, fresh = draw(st.sampled_from(world.members)), signing_key(55)
    lying = world.hub.fork()
    lying.state(
        draw(
            st.sampled_from(
                [
                    add(member.identity, fresh, AT),
                    rotate(member.identity, signing_key(56), fresh, AT),
                ]
            )
        )
    )
    _answer(lying, reader)


def _mine(reader: Reader) -> Audience:
    return next(a for a in reader.audiences if a is not KEYS)


WAYS: dict[Callable, set[str]] = {
    rolls_back: {"rollback"},
    rewrites_the_past: {"fork"},
    drops_from_the_past: {"rollback", "fork"},
    swaps_two: {"fork"},
    signs_with_another_key: {"log-signature"},
    flips_a_bit_of_the_note: {"log-signature"},
    flips_a_bit_of_an_entry: {"fork"},
    withholds: {"withheld"},
    alters_a_record: {"altered"},
    adds_a_record: {"unlogged"},
    changes_a_secret: {"audience"},
    speaks_for_another: {"claim-signature"},
    lets_the_silenced_speak: {"claim-signature"},
    replays: {"replay"},
    goes_on_after_a_revocation: {"replay"},
    states_a_key_nobody_vouched_for: {"key-statement"},
}


def eventful() -> World:
    """Every kind of thing happened at least once."""
    world = World()
    for _ in range(4):
        world.join()
    for who, audience in enumerate((GREEN, RED, OTHER)):
        world.say(who, audience)
        world.say(who, audience)
        world.revise(2 * who, over=True)
    ended = world.members[3]
    world.hub.state(end(ended.identity, ended.key.id, AT, "compromised"))
    ended.state = "ended"
    return world


@settings(max_examples=40)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@given(data=st.data())
def test_a_dishonest_answer_is_always_refused(way, data):
    world, following = eventful(), readers()
    for _ in range(data.draw(st.integers(0, 12))):
        if data.draw(st.booleans()):
            data.draw(st.sampled_from(following)).follow(world.hub, 5)
        world.step(data.draw)
    reader = data.draw(st.sampled_from(following))
    kept = reader.known
    with pytest.raises(Refused) as caught:
        way(world, reader, data.draw)
    assert caught.value.kind in WAYS[way]
    assert reader.known is kept
    reader.follow(world.hub, 5)
