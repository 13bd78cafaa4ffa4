"""Packs and their rows: CPU-seconds of one core, for 100,000 rows.

    cd bench && python -m matching.packs [--rows 100000] [--json]

*Tagging* is all that a member does at rotation for so many records: inputs, blinding, the quorum's
answers added up, outputs, records sealed, rows kept in the store, packed and signed. What the two
evaluators spend on answering is measured apart; so is what checking their proofs costs the member.
"""

import argparse
import hashlib
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from common import emit
from stillwatch.crypto import oprf, threshold
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import VerifierKey
from stillwatch.crypto.ristretto import Element
from stillwatch.domain.claim import LegalBasis, StixId, Tlp
from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.known import NO_WITNESSES
from stillwatch.sharing.matching import packing, tagging
from stillwatch.sharing.matching.actors import Seen, _claim
from stillwatch.sharing.matching.pack import build, digest, parse
from stillwatch.sharing.matching.record import dummy
from stillwatch.sharing.matching.tagset import Source, TagSet, replace_index
from stillwatch.sharing.matching.together import weighted
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox
from stillwatch.store import tagging as kept
from stillwatch.store.database import Store
from stillwatch.store.outbox import Sent

TODAY = datetime.now(UTC).date()
ME = StixId("identity--5f01cd1f-195f-46d4-b581-e2a1bd4fddd1")


@dataclass(frozen=True)
class Epoch:
    name: str
    public_key: bytes
    ends: date


@dataclass
class Evaluating:
    """Two evaluators in this process; their time is kept apart from the member's."""

    dealt: threshold.Dealt
    checking: bool
    """Whether the member has a proof made of each batch's weighted sum, and checks it."""
    evaluators_s: float = 0.0
    proofs_s: float = 0.0
    epoch: Epoch = field(init=False)

    def __post_init__(self) -> None:
        self.epoch = Epoch("2027-q1", self.dealt.public_key, TODAY + timedelta(days=90))

    def outputs(self, inputs: Sequence[bytes], *, proven: bool) -> list[bytes]:
        blinds, blinded = oprf.blind(inputs)
        combined = self._answer(blinded, prove=False)
        if proven and self.checking:
            before, began = self.evaluators_s, time.process_time()
            asked, due = weighted(blinded, combined)
            assert self._answer([asked], prove=True) == [due]
            spent = time.process_time() - began
            self.proofs_s += spent - (self.evaluators_s - before)
        return oprf.finalize(inputs, blinds, combined)

    def _answer(self, blinded: Sequence[Element], *, prove: bool) -> list[Element]:
        quorum, parts = threshold.Quorum.of([1, 2]), []
        for index in quorum.indices:
            context = threshold.proof_context(self.epoch.name, 0, index) if prove else None
            began = time.process_time()
            share = self.dealt.shares[index - 1]
            part = threshold.evaluate_share(share, quorum, blinded, context=context)
            self.evaluators_s += time.process_time() - began
            if context is not None:
                public = self.dealt.public_shares[index - 1]
                threshold.verify_part(part, public, quorum, blinded, context)
            parts.append(part)
        return threshold.combine(parts, quorum)


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    done = work()
    return time.process_time() - began, done


def packs(folder: Path, count: int) -> list[list[object]]:
    rows = [dummy() for _ in range(count)]
    building, content = cpu(lambda: build(rows))
    parsing, pack = cpu(lambda: parse(content))
    name = digest(content)
    (folder / f"{name}.pack").write_bytes(content)
    claim = StixId("indicator--5f01cd1f-195f-46d4-b581-e2a1bd4fdd01")
    indexing, _ = cpu(lambda: replace_index(folder, [Source(name, ME, "e", claim, 1)]))
    opening, tags = cpu(lambda: TagSet.open(folder))
    some = random.sample(rows, 1000)
    hits = [row.tag for row in some]
    misses = [dummy().tag for _ in range(100_000)]
    one, _ = cpu(lambda: [tags.lookup([tag]) for tag in hits])
    many, found = cpu(lambda: tags.lookup(misses))
    assert len(pack) == len(content) // 312
    assert not any(found)
    return [
        ["build", f"{building:.2f} s"],
        ["parse", f"{parsing * 1e3:.0f} ms"],
        ["index (digest checked)", f"{indexing * 1e3:.0f} ms"],
        ["open the set", f"{opening * 1e3:.1f} ms"],
        ["look one tag up, found", f"{one / len(hits) * 1e6:.1f} µs"],
        ["look 100,000 tags up at once, a tag", f"{many / len(misses) * 1e6:.2f} µs"],
    ]


def rotation(folder: Path, count: int, *, checking: bool) -> list[object]:
    mine = settings(folder)
    store = Store(f"sqlite:///{folder}/{checking}.db")
    with store.begin() as connection:
        for claim in known(connection, mine, count // 5):
            kept.hold(connection, held(claim))
    with warnings.catch_warnings(action="ignore"):
        asked = Evaluating(threshold.unsafe_dealer(2, 3), checking)

    def all_of_it() -> int:
        tagging.tag(store, asked, ME)
        made = packing.pack_up(store, mine, KEY, asked.epoch, snapshot=True)
        return sum(one.rows for one in made)

    total, rows = cpu(all_of_it)
    store.close()
    assert rows >= count
    client = total - asked.evaluators_s
    return [
        "checked" if checking else "not checked",
        f"{client:.1f}",
        f"{asked.proofs_s:.1f}",
        f"{asked.evaluators_s / 2:.1f}",
    ]


KEY = SigningKey.from_seed(hashlib.sha256(b"bench").digest())


def settings(folder: Path) -> Settings:
    return Settings(
        folder / "share.toml", "http://127.0.0.1/", "alpha", folder / "token",
        VerifierKey("hub.example/log", KEY.public), NO_WITNESSES, ME, folder / "key", "claims",
        Tlp.AMBER, (), "abuse-prevention", 60, frozenset(),
        LegalBasis("DE", "gdpr-6-1-f", date(2026, 10, 1)), 6, 0.05, "",
    )  # fmt: skip


def known(connection: Any, mine: Settings, count: int) -> list[str]:
    """Actors whose claims stand."""
    bodies = [_claim(mine, Seen(TODAY, TODAY, 80)) for _ in range(count)]
    sent = [
        Sent(b["id"], b["modified"], "claims", orjson.dumps(b), "stored", "") for b in bodies
    ]  # fmt: skip
    outbox.sent(connection, mine.url, sent)
    return [one["id"] for one in bodies]


def held(claim: str) -> list[kept.Held]:
    """Five identifiers of an actor."""
    tail = claim[-12:]
    forms = [
        (Kind.EMAIL, f"a{tail}@mail.example"),
        (Kind.EMAIL_LOOSE, f"b{tail}@mail.example"),
        (Kind.PHONE, f"+4930{int(tail, 16) % 10**9}"),
        (Kind.PAYMENT, f"acme:{tail}"),
        (Kind.DEVICE, tail),
    ]
    return [kept.Held(claim, Identifier(k, NormalForm(v)), TODAY, TODAY, 80) for k, v in forms]


def measured(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        head = ["proofs", "member CPU-s", "of it proofs", "each evaluator CPU-s"]
        rows = [rotation(Path(folder), count, checking=on) for on in (True, False)]
        return {
            "head": head, "rows": rows,
            "packs": packs(Path(folder), count // 256 * 256), "count": count,
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = measured(chosen.rows)
    emit({"head": ["packs", "CPU"], "rows": found["packs"]}, chosen.json)
    emit(found, chosen.json)


if __name__ == "__main__":
    main()
