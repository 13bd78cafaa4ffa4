"""Checks a hub's database, SQLite or PostgreSQL, by plain SQL in one snapshot."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from stillwatch.errors import StoredDataError
from stillwatch.hub.fsck.notes import (
    PublicKey,
    Unsound,
    read_checkpoint,
    read_cosignature,
    read_key,
    split,
)
from stillwatch.hub.fsck.packs import check_packs
from stillwatch.hub.fsck.proofs import record_of, tag_of
from stillwatch.hub.fsck.report import Progress, Report
from stillwatch.hub.fsck.source import BATCH, Database, name_of, opened
from stillwatch.hub.fsck.walk import Walk


def check_database(url: str, vkey: str | None, progress: Progress) -> Report:
    """Check everything in a hub's database.

    ``vkey`` is the log's public key as members have it; without it the database's own is
    taken, and the report notes that.
    """
    with opened(url) as database:
        return _Check(database, name_of(url), vkey, progress).run()


class _Check:
    def __init__(
        self, database: Database, source: str, vkey: str | None, progress: Progress
    ) -> None:
        self.db, self.report, self.progress = database, Report(source), progress
        self.key = self._log_key(vkey)
        self.report.origin = self.key.name
        self.walk = Walk(self.report, self._stored_tile)
        self.heads = list(self.db.rows("SELECT size, note, made FROM checkpoints ORDER BY size"))
        self.audiences = {
            id_: (collection, bytes(secret))
            for id_, collection, secret in self.db.rows(
                "SELECT id, collection, secret FROM audiences"
            )
        }
        self.added: dict[str, int] = {}

    def run(self) -> Report:
        self._checkpoint_rows()
        total = next(self.db.rows("SELECT count(*) FROM leaves"))[0]
        heads = iter(self.heads)
        head = next(heads, None)
        last = -1
        for row in self._leaf_rows():
            while head is not None and head[0] <= self.walk.tree.size:
                self._root(head)
                head = next(heads, None)
            last = self._leaf(row, last)
            if self.walk.tree.size % BATCH == 0:
                self.progress(self.walk.tree.size, total)
        while head is not None:
            self._root(head)
            head = next(heads, None)
        self.progress(total, total)
        self.report.size = self.walk.tree.size
        self.walk.finish_tiles()
        self._ends()
        self._keys()
        self._unlogged()
        self._clocks()
        self._cosignatures()
        check_packs(self.db, self.report)
        return self.report

    # -- the log's key and checkpoints

    def _log_key(self, vkey: str | None) -> PublicKey:
        kept: dict[str, str] = {
            row[0]: row[1] for row in self.db.rows("SELECT name, value FROM meta")
        }
        if "origin" not in kept:
            raise StoredDataError(
                f"{self.report.source} holds no log", hint="run `stillwatch hub init` first"
            )
        if vkey is None:
            self.report.notes.append(
                "the log's key was taken from the database itself: give --key to check that too"
            )
        key = read_key(vkey or kept.get("log_key", ""))
        for name, expected in (("origin", key.name), ("log_key", str(vkey or kept["log_key"]))):
            if kept.get(name) != expected:
                self.report.fault(
                    "log", f"meta {name}", "not of this key", expected, kept.get(name)
                )
        return key

    def _checkpoint_rows(self) -> None:
        before = None
        for size, _, made in self.heads:
            self.report.looked_at["checkpoints"] += 1
            if before is not None and made < before:
                self.report.fault("checkpoint", f"checkpoint {size}", "its time goes back")
            before = made
        if not self.heads:
            self.report.fault("log", "checkpoints", "there is none")

    def _root(self, head: Sequence[Any]) -> None:
        """Hold a stored checkpoint against the tree of its size."""
        size, note, _ = head
        where = f"checkpoint {size}"
        try:
            said = read_checkpoint(note, self.key)
        except Unsound as error:
            self.report.fault("checkpoint", where, str(error))
            return
        if said.size != size:
            self.report.fault("checkpoint", where, "it is of another size", size, said.size)
        if self.walk.tree.size < size:
            message = "the log ends before it: entries were taken away"
            self.report.fault("checkpoint", where, message, size, self.walk.tree.size)
        elif self.walk.tree.root() != said.root:
            message = "its root is not that of the stored entries"
            self.report.fault("checkpoint", where, message, self.walk.tree.root(), said.root)

    def _ends(self) -> None:
        last = self.heads[-1][0] if self.heads else 0
        if self.walk.tree.size > last:
            message = "entries after the last checkpoint are signed by nobody"
            self.report.fault("log", f"leaf {last}", message, last, self.walk.tree.size)
        stored = next(self.db.rows("SELECT count(*) FROM tiles"))[0]
        if stored > self.walk.expected_tiles:
            self.report.fault(
                "tile",
                "tiles",
                "there are more than the tree has",
                self.walk.expected_tiles,
                stored,
            )

    def _stored_tile(self, level: int, index: int, _width: int) -> bytes | None:
        query = 'SELECT hashes FROM tiles WHERE level = ? AND "index" = ?'
        row = next(self.db.rows(query, level, index), None)
        return None if row is None else bytes(row[0])

    # -- leaves and what they are of

    def _leaf_rows(self) -> Iterator[Sequence[Any]]:
        return self.db.rows(
            'SELECT l."index", l.entry, l.audience, l.object, l.statement, o.collection, '
            "o.stix_id, o.version, o.date_added, o.audience, o.body, c.policy "
            "FROM leaves l LEFT JOIN objects o ON o.seq = l.object "
            'LEFT JOIN collections c ON c.id = o.collection ORDER BY l."index"'
        )

    def _leaf(self, row: Sequence[Any], last: int) -> int:
        index, entry, audience, object_, statement = row[:5]
        if index != last + 1:
            message = f"leaves {last + 1} to {index - 1} are missing"
            self.report.fault("log", f"leaf {last + 1}", message, last + 1, index)
        self.walk.entry(index, bytes(entry))
        place, secret = self.audiences.get(audience, (None, b""))
        if audience not in self.audiences:
            self.report.fault("audience", f"leaf {index}", f"audience {audience} does not exist")
        elif bytes(entry)[32:] != tag_of(secret, index):
            message = f"its tag is not of audience {audience}"
            self.report.fault(
                "audience", f"leaf {index}", message, tag_of(secret, index), bytes(entry)[32:]
            )
        if statement is not None and object_ is None:
            self._statement(index, bytes(entry), bytes(statement), place)
        elif object_ is not None and statement is None:
            self._object(row, place)
        else:
            self.report.fault("entry", f"leaf {index}", "it is of neither object nor statement")
        return int(index)

    def _statement(self, index: int, entry: bytes, statement: bytes, place: str | None) -> None:
        content = self._json(statement, f"leaf {index}")
        self._digest(index, entry, {"key": content}, f"leaf {index}")
        if place is not None:
            self.report.fault("audience", f"leaf {index}", "a statement that not all may see")
        self.walk.statement(index, content)

    def _object(self, row: Sequence[Any], place: str | None) -> None:
        index, entry, audience, seq = row[:4]
        collection, stix_id, version, added, seen_by, body, policy = row[5:]
        where = f"object {seq} (leaf {index}, {stix_id})"
        if body is None:
            self.report.fault("object", f"leaf {index}", f"its object {seq} does not exist")
            return
        if policy != "claims":
            self.report.fault("object", where, "logged from a collection without claims")
        if (seen_by, place) != (audience, collection):
            message = "leaf and object are of different audiences"
            self.report.fault("audience", where, message, audience, seen_by)
        if self.added.get(collection, -1) >= added:
            message = "date_added does not grow with the log"
            self.report.fault("order", where, message, f"> {self.added[collection]}", added)
        self.added[collection] = max(added, self.added.get(collection, -1))
        content = self._json(bytes(body), where)
        self._digest(index, bytes(entry), {"collection": collection, "object": content}, where)
        if isinstance(content, dict):
            for name, said, kept in (
                ("id", content.get("id"), stix_id),
                ("version", _micros(content.get("modified")), version),
            ):
                if said is not None and said != kept:
                    self.report.fault("object", where, f"its row has another {name}", said, kept)
        self.walk.claim(index, collection, content, where)

    def _json(self, data: bytes, where: str) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            self.report.fault("object", where, "its body is no JSON")
            return None

    def _digest(self, index: int, entry: bytes, content: dict[str, Any], where: str) -> None:
        try:
            found = hashlib.sha256(record_of(content)).digest()
        except Unsound as error:
            self.report.fault("record", where, str(error))
            return
        if found != entry[:32]:
            message = f"its record is not the one that leaf {index} stands for"
            self.report.fault("record", where, message, entry[:32], found)

    # -- what the log does not hold, and should

    def _unlogged(self) -> None:
        query = (
            "SELECT o.seq, o.stix_id, o.collection FROM objects o "
            "JOIN collections c ON c.id = o.collection AND c.policy = 'claims' "
            "LEFT JOIN leaves l ON l.object = o.seq WHERE l.object IS NULL ORDER BY o.seq"
        )
        for seq, stix_id, collection in self.db.rows(query):
            where = f"object {seq} ({stix_id})"
            self.report.fault("object", where, f"a claim in {collection} without a leaf")
        twice = (
            "SELECT object, count(*) FROM leaves WHERE object IS NOT NULL "
            "GROUP BY object HAVING count(*) > 1"
        )
        for seq, count in self.db.rows(twice):
            self.report.fault("object", f"object {seq}", f"it has {count} leaves")

    def _clocks(self) -> None:
        query = (
            "SELECT c.id, c.clock, max(o.date_added) FROM collections c "
            "JOIN objects o ON o.collection = c.id GROUP BY c.id, c.clock"
        )
        for id_, clock, newest in self.db.rows(query):
            if newest > clock:
                where = f"collection {id_}"
                self.report.fault("order", where, "its clock is behind its objects", clock, newest)

    def _keys(self) -> None:
        """Hold the table of keys against what the log states."""
        rows = {
            id_: (identity, bytes(public), ended)
            for id_, identity, public, ended in self.db.rows(
                "SELECT id, identity, public, ended FROM keys"
            )
        }
        self.report.looked_at["keys"] += len(rows)
        for kid in self.walk.keys.by_id.keys() - rows.keys():
            self.report.fault("key", f"key {kid}", "the log states it and the table lacks it")
        for kid, (identity, public, ended) in rows.items():
            stated = self.walk.keys.by_id.get(kid)
            if stated is None:
                self.report.fault("key", f"key {kid}", "the log does not state it")
                continue
            if (identity, public) != (stated.identity, stated.public):
                expected, found = f"{stated.identity} {stated.public.hex()}", identity
                message = "not the holder or key that the log states"
                self.report.fault("key", f"key {kid}", message, expected, f"{found} {public.hex()}")
            if (ended is not None) != (stated.state == "ended"):
                found = "in use" if ended is None else "ended"
                message = "its state is not the one that the log states"
                self.report.fault("key", f"key {kid}", message, stated.state, found)

    def _cosignatures(self) -> None:
        texts = {size: note for size, note, _ in self.heads}
        holders: dict[str, list[bytes]] = {}
        for holder in self.walk.keys.by_id.values():
            holders.setdefault(holder.identity, []).append(holder.public)
        for size, line in self.db.rows("SELECT size, line FROM cosignatures ORDER BY size"):
            self.report.looked_at["cosignatures"] += 1
            where = f"cosignature of checkpoint {size}"
            name = line.split(" ")[1] if line.count(" ") == 2 else ""
            identity = name.removeprefix(f"{self.key.name}/")
            problem = "no key of its witness is stated"
            for public in holders.get(identity, []):
                try:
                    text = split(texts[size])[0]
                    read_cosignature(line, text, PublicKey(name, public))
                except (Unsound, KeyError) as error:
                    problem = str(error)
                else:
                    break
            else:
                self.report.fault("cosignature", where, problem)


def _micros(timestamp: Any) -> int | None:
    """Microseconds since 1970 of a STIX timestamp; None for what the calendar has not."""
    try:
        at = datetime.fromisoformat(str(timestamp).replace("Z", "+00:00"))
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond
