"""A hub's log in memory, honest unless told otherwise: what a client core is tested against."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.merkle import Frontier, leaf_hash
from stillwatch.crypto.note import Checkpoint, cosign, cosigner, sign_note
from stillwatch.crypto.records import claim_record, entry, key_record
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.objects import format_time
from stillwatch.intel.signed import sign
from stillwatch.sharing.history import Pull
from stillwatch.sharing.known import NO_WITNESSES, Audience, Known, Leaf, Logged, Witnesses

ORIGIN = "hub.example/log"
KEYS = Audience(1, None, b"k" * 32)
GREEN = Audience(2, "c1", b"g" * 32)
RED = Audience(3, "c1", b"r" * 32)
OTHER = Audience(4, "c2", b"o" * 32)
AT = "2026-01-02T03:04:05.000000Z"


def signing_key(number: int) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(f"key {number}".encode()).digest())


def identity(number: int) -> str:
    return f"identity--00000000-0000-4000-8000-{number:012x}"


def claim(
    number: int, version: int, speaker: str, key: SigningKey, *, revoked: bool = False, **more: Any
) -> dict[str, Any]:
    """A signed claim; ``version`` counts seconds."""
    obj: dict[str, Any] = {
        "type": "campaign",
        "spec_version": "2.1",
        "id": f"campaign--00000000-0000-4000-8000-{number:012x}",
        "created_by_ref": speaker,
        "created": format_time(1_700_000_000_000_000),
        "modified": format_time((1_700_000_000 + version) * 1_000_000),
        "name": f"amber heron {number}",
        "extensions": {CLAIM: {"extension_type": "property-extension", "targets": ["coding"]}},
        **({"revoked": True} if revoked else {}),
        **more,
    }
    return sign(obj, key)


@dataclass
class MemoryHub:
    """Records with their audiences, in the order of the log."""

    key: SigningKey = field(default_factory=lambda: signing_key(0))
    origin: str = ORIGIN
    log: list[tuple[bytes, Audience]] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)

    def record(self, record: bytes, audience: Audience) -> int:
        index = len(self.log)
        self.log.append((record, audience))
        self.entries.append(entry(record, audience.secret, index))
        return index

    def state(self, statement: dict[str, Any]) -> int:
        return self.record(key_record(statement), KEYS)

    def say(self, obj: dict[str, Any], audience: Audience = GREEN) -> int:
        return self.record(claim_record(str(audience.collection), obj), audience)

    def checkpoint(self, size: int | None = None, cosigners: Mapping[str, SigningKey] = {}) -> str:
        size = len(self.entries) if size is None else size
        root = Frontier().extend(leaf_hash(e) for e in self.entries[:size]).root()
        text = Checkpoint(self.origin, size, root).text
        lines = (
            cosign(text, cosigner(self.origin, who), key, 1_700_000_000)
            for who, key in cosigners.items()
        )
        return sign_note(text, self.origin, self.key) + "".join(lines)

    def fork(self) -> "MemoryHub":
        return MemoryHub(self.key, self.origin, list(self.log), list(self.entries))

    def replaced(self, index: int, record: bytes, audience: Audience) -> "MemoryHub":
        """Another history: one record of the past is another one."""
        forked = self.fork()
        forked.log[index] = (record, audience)
        forked.entries[index] = entry(record, audience.secret, index)
        return forked

    def answer(self, leaves: Iterable[Leaf]) -> list[bytes]:
        kept = {hashlib.sha256(record).digest(): record for record, _ in self.log}
        return [kept[leaf.digest] for leaf in leaves if leaf.digest in kept]

    def pull(
        self,
        known: Known,
        audiences: Iterable[Audience],
        *,
        witnesses: Witnesses = NO_WITNESSES,
        note: str | None = None,
        chunk: int = 1000,
        anchor: Known | None = None,
    ) -> tuple[Known, list[Logged]]:
        """What an ordinary client does."""
        pull = Pull(known, note or self.checkpoint(), audiences, anchor=anchor)
        missing = pull.missing
        for at in range(missing.start, missing.stop, chunk):
            pull.add_entries(self.entries[at : min(at + chunk, missing.stop)])
        pull.add_records(self.answer(pull.close_tree()))
        return pull.finish(witnesses)
