"""What a member knows of the hub's log, and how it comes to know more. No I/O.

A pull is a walk through numbered steps. It starts from what was kept, is fed a checkpoint,
entries and records, and ends in new knowledge or in a refusal with the evidence. Nothing read
before a step is used before the step holds, and a refused pull changes nothing::

    pull = Pull(known, note, audiences)        # 1. signature  2. neither older nor forked
    pull.add_entries(entries)                  # 3. entries, own ones recognised by their tags
    for leaf in pull.close_tree(): ...         # 4. the root; says which records must come
    pull.add_records(records)                  # 5. each is of a leaf
    known, claims = pull.finish(witnesses)     # 6. keys and claims in order  7. witnesses

What is refused, by ``Refused.kind``:

    log-signature   the checkpoint is not signed by the log, or is of another log
    rollback        the log is shorter than it was
    fork            the log's past is not the past that was seen
    entries         entries are missing, too many, or no entries
    withheld        a leaf is for this member and its record does not come
    altered         a record comes that is not the one that was logged
    unlogged        a record comes that no leaf stands for
    audience        a record is of another audience than its leaf, or a secret has changed
    key-statement   a statement about a key is not signed as the keys before demand
    claim-signature a claim's key is unknown, another's, suspended or ended, or did not sign it
    replay          a version that is not newer than one before it, or follows a revocation
    witnesses       too few witnesses saw this checkpoint
    malformed       something is no note, record or object at all

Not decided here: whether a claim is believed (weight, policy), and what its marking demands.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.encoding import b64
from stillwatch.crypto.jws import verify_detached
from stillwatch.crypto.merkle import leaf_hash
from stillwatch.crypto.note import COSIGNATURE, Checkpoint, Note, VerifierKey, cosigner
from stillwatch.crypto.records import DIGEST_BYTES, ENTRY_BYTES, digest, tag
from stillwatch.crypto.statements import KeyRing
from stillwatch.errors import InputError, NotTrusted
from stillwatch.intel.objects import check, version_of
from stillwatch.intel.signed import signature, signing_input
from stillwatch.sharing.known import (
    NO_WITNESSES,
    Audience,
    Known,
    Leaf,
    Logged,
    Refused,
    Version,
    Witnesses,
)

_SHOWN: Final = 64 * 1024
"""Characters of a foreign text that evidence keeps."""


class Pull:
    """One pull, from a checkpoint to new knowledge."""

    def __init__(
        self,
        known: Known,
        note: str,
        audiences: Iterable[Audience],
        *,
        anchor: Known | None = None,
    ) -> None:
        """Take steps 1 and 2.

        ``anchor`` is for reading the log again from its start, e.g. with new audiences: the new
        walk must pass through what was known before.
        """
        self._known, self._anchor, self._text = known, anchor, note
        self._audiences = tuple(audiences)
        self._frontier = known.frontier
        self._wanted: set[bytes] = set()
        self._leaves: list[Leaf] = []
        self._records: dict[bytes, bytes] = {}
        self._closed = False

        # 1. The checkpoint is of this log and signed by it.
        try:
            self._note = Note.parse(note)
            self.checkpoint = Checkpoint.parse(self._note.verify(known.log_key))
        except NotTrusted as error:
            raise self._refused("log-signature", str(error)) from error
        if self.checkpoint.origin != known.log_key.name:
            raise self._refused(
                "log-signature",
                f"the checkpoint is of log {self.checkpoint.origin!r}, not {known.log_key.name!r}",
            )

        # 2. It is not older than what was seen, and of the same size it is the same.
        for seen in filter(None, (known, anchor)):
            if self.checkpoint.size < seen.size:
                raise self._refused(
                    "rollback",
                    f"the log has {self.checkpoint.size} entries; "
                    f"{seen.size} were seen before, so some were taken away",
                )
            if self.checkpoint.size == seen.size and self.checkpoint.root != seen.frontier.root():
                raise self._refused(
                    "fork", f"another log of {seen.size} entries was seen before: two histories"
                )

        # A secret that changes would hide the leaves that it marked.
        secrets = {**known.secrets, **(anchor.secrets if anchor else {})}
        for audience in self._audiences:
            if secrets.get(audience.id, digest(audience.secret)) != digest(audience.secret):
                raise self._refused(
                    "audience",
                    f"the secret of audience {audience.id} has changed",
                    audience=audience.id,
                )

    @property
    def missing(self) -> range:
        """Indexes of the entries that are still to come."""
        return range(self._frontier.size, self.checkpoint.size)

    def add_entries(self, entries: Sequence[bytes]) -> None:
        """Take the next entries, in order (step 3)."""
        self._expect(closed=False)
        start, end = self._frontier.size, self._frontier.size + len(entries)
        if end > self.checkpoint.size:
            raise self._refused(
                "entries", f"{end} entries came for a log of {self.checkpoint.size}"
            )
        for index, entry in enumerate(entries, start):
            if len(entry) != ENTRY_BYTES:
                raise self._refused(
                    "entries",
                    f"entry {index} has {len(entry)} bytes, not {ENTRY_BYTES}",
                    index=index,
                    entry=entry[:256].hex(),
                )
            audience = self._recognise(index, entry)
            if audience is not None:
                self._leaves.append(Leaf(index, entry[:DIGEST_BYTES], audience))
                self._wanted.add(entry[:DIGEST_BYTES])
        self._extend([leaf_hash(entry) for entry in entries])

    def close_tree(self) -> list[Leaf]:
        """Hold the entries against the signed root (step 4).

        Returns the leaves whose records must come, in the order of the log.
        """
        self._expect(closed=False)
        if self.missing:
            raise self._refused(
                "entries",
                f"the log says {self.checkpoint.size} entries and gave {self._frontier.size}",
            )
        if self._frontier.root() != self.checkpoint.root:
            raise self._refused(
                "fork",
                f"the {self._known.size} entries that were seen and the new ones do not lead to "
                f"the root of the log of {self.checkpoint.size}: its past or its entries were "
                "changed",
                computed_root=b64(self._frontier.root()),
            )
        self._closed = True
        return list(self._leaves)

    def add_records(self, records: Iterable[bytes]) -> None:
        """Take records, in any order (step 5): each must be one that a leaf stands for."""
        self._expect(closed=True)
        for record in records:
            name = digest(record)
            if name not in self._wanted:
                raise self._stray(record)
            self._records[name] = record

    def finish(self, witnesses: Witnesses = NO_WITNESSES) -> tuple[Known, list[Logged]]:
        """Judge what came (steps 6 and 7); returns what is now known, and the claims.

        Raises ``Refused`` at the first thing that does not hold.
        """
        self._expect(closed=True)
        # 5. Nothing that is for this member is missing.
        for leaf in self._leaves:
            if leaf.digest not in self._records:
                raise self._refused(
                    "withheld",
                    f"entry {leaf.index} is for this member, and its record does not come",
                    index=leaf.index,
                    digest=leaf.digest.hex(),
                    collection=leaf.audience.collection,
                )

        # 6. Statements and claims, in the order of the log.
        keys, versions = self._known.keys, dict(self._known.versions)
        claims: list[Logged] = []
        for leaf in self._leaves:
            index, audience, record = leaf.index, leaf.audience, self._records[leaf.digest]
            content = self._content(index, record, audience)
            if audience.collection is None:
                try:
                    keys = keys.apply(content["key"], index)
                except NotTrusted as error:
                    raise self._refused(
                        "key-statement", f"entry {index}: {error}", **_shown(index, record)
                    ) from error
            else:
                claim = self._claim(index, record, content, keys)
                self._order(claim, record, versions)
                claims.append(claim)

        # 7. Enough witnesses saw this very checkpoint.
        self._witnessed(keys, witnesses)
        secrets = {a.id: digest(a.secret) for a in self._audiences}
        known = replace(
            self._known,
            frontier=self._frontier,
            note=self._text,
            keys=keys,
            versions=versions,
            secrets={**self._known.secrets, **secrets},
        )
        return known, claims

    def _expect(self, *, closed: bool) -> None:
        """Steps out of order are a fault of ours, and would skip a check."""
        if self._closed is not closed:
            raise RuntimeError("close_tree comes after the entries and before the records")

    def _recognise(self, index: int, entry: bytes) -> Audience | None:
        mark = entry[DIGEST_BYTES:]
        for audience in self._audiences:
            # no secret of ours is compared: tags are public
            if tag(audience.secret, index) == mark:
                return audience
        return None

    def _extend(self, hashes: Sequence[bytes]) -> None:
        start = self._frontier.size
        at = self._anchor.size - start if self._anchor is not None else -1
        if self._anchor is not None and 0 < at <= len(hashes):
            passing = self._frontier.extend(hashes[:at])
            if passing != self._anchor.frontier:
                raise self._refused(
                    "fork",
                    f"the first {self._anchor.size} entries are not those that were seen before",
                    computed_root=b64(passing.root()),
                )
        self._frontier = self._frontier.extend(hashes)

    def _stray(self, record: bytes) -> Refused:
        """Tell an altered record from one that was never logged."""
        shown = {"record": _text(record), "digest": digest(record).hex()}
        awaited = [leaf.index for leaf in self._leaves if leaf.digest not in self._records]
        name = _name(record)
        if awaited:
            return self._refused(
                "altered",
                f"a record of {name} is not the one that was logged: no entry stands for it, and "
                f"entry {awaited[0]} lacks its own",
                awaited=awaited[:100],
                **shown,
            )
        return self._refused("unlogged", f"a record of {name} is in no entry of the log", **shown)

    def _content(self, index: int, record: bytes, audience: Audience) -> dict[str, Any]:
        try:
            content = _parsed(record)
        except InputError as error:
            raise self._refused(
                "malformed", f"entry {index}: {error.message}", **_shown(index, record)
            ) from error
        expected = {"key"} if audience.collection is None else {"collection", "object"}
        if not isinstance(content, dict) or content.keys() != expected:
            raise self._refused(
                "audience",
                f"entry {index}: a record with {' and '.join(sorted(expected))} was expected",
                **_shown(index, record),
            )
        if content.get("collection") != audience.collection:
            raise self._refused(
                "audience",
                f"entry {index} is marked for collection {audience.collection}, its record is of "
                f"{content.get('collection')!r}",
                **_shown(index, record),
            )
        return content

    def _claim(self, index: int, record: bytes, content: dict[str, Any], keys: KeyRing) -> Logged:
        obj = content["object"]
        if (problem := check(obj)) is not None:
            raise self._refused("malformed", f"entry {index}: {problem}", **_shown(index, record))
        try:
            said = signature(obj)
            key = keys.signer(said, str(obj.get("created_by_ref")))
            verify_detached(said, signing_input(obj), key.public)
        except (NotTrusted, InputError) as error:
            raise self._refused(
                "claim-signature",
                f"entry {index}, {obj['id']}: {error.message}",
                **_shown(index, record),
            ) from error
        return Logged(index, content["collection"], obj, key)

    def _order(
        self, claim: Logged, record: bytes, versions: dict[tuple[str, str], Version]
    ) -> None:
        obj, place = claim.object, (claim.collection, claim.object["id"])
        modified, before = version_of(obj), versions.get((claim.collection, claim.object["id"]))
        problem = None
        if modified is None:
            problem = "has no version"
        elif before is not None and before.revoked:
            problem = "comes after its revocation"
        elif before is not None and modified <= before.modified:
            problem = "is not newer than a version before it"
        if modified is None or problem is not None:
            raise self._refused(
                "replay",
                f"entry {claim.index}: {obj['id']} of {obj.get('modified')} {problem}",
                before=None if before is None else {"modified_us": before.modified},
                **_shown(claim.index, record),
            )
        versions[place] = Version(modified, obj.get("revoked") is True)

    def _witnessed(self, keys: KeyRing, witnesses: Witnesses) -> None:
        if witnesses.quorum <= 0:
            return
        candidates = [keys.of_identity(identity) for identity in sorted(witnesses.identities)]
        verifiers = [
            VerifierKey(cosigner(self.checkpoint.origin, key.identity), key.public, COSIGNATURE)
            for key in candidates
            if key is not None and key.state == "active"
        ]
        seen: set[str] = set()
        bad: dict[str, str] = {}
        for verifier in verifiers:
            try:
                seen |= self._note.witnesses([verifier]).keys()
            except NotTrusted as error:
                bad[verifier.name] = str(error)
        if len(seen) < witnesses.quorum:
            raise self._refused(
                "witnesses",
                f"{len(seen)} of {len(witnesses.identities)} witnesses saw the log of "
                f"{self.checkpoint.size} entries; {witnesses.quorum} are asked for",
                seen=sorted(seen),
                bad=bad,
            )

    def _refused(self, kind: str, message: str, **evidence: Any) -> Refused:
        known = self._known if self._anchor is None else self._anchor
        kept = {
            "log_key": str(known.log_key),
            "size": known.size,
            "root": b64(known.frontier.root()),
            "checkpoint": known.note,
        }
        return Refused(kind, message, {"kept": kept, "checkpoint": self._text[:_SHOWN], **evidence})


def _parsed(record: bytes) -> Any:
    """Content of a record; one text has one meaning, so it must be the canonical one."""
    try:
        content = json.loads(record)
    except (ValueError, RecursionError) as error:
        raise InputError("its record is no JSON") from error
    if canonical(content) != record:
        raise InputError("its record is no canonical JSON")
    return content


def _shown(index: int, record: bytes) -> dict[str, Any]:
    return {"index": index, "record": _text(record), "digest": digest(record).hex()}


def _text(record: bytes) -> str:
    return record[:_SHOWN].decode("utf-8", "backslashreplace")


def _name(record: bytes) -> str:
    """What a record seems to be of, for a message."""
    try:
        return str(json.loads(record)["object"]["id"])[:100]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{len(record)} bytes"
