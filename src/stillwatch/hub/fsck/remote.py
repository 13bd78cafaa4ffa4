"""Checks a running hub over HTTP, as far as a member's token reaches.

All entries, tiles and the checkpoint can be checked by any member; records only of the
audiences it is in. What it cannot see is counted in the report.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from stillwatch.errors import PeerError
from stillwatch.hub.fsck.notes import Head, Unsound, read_checkpoint, read_key
from stillwatch.hub.fsck.proofs import record_of, tag_of
from stillwatch.hub.fsck.report import Progress, Report
from stillwatch.hub.fsck.shown import Note, Shown
from stillwatch.hub.fsck.tree import ROW, tile_name
from stillwatch.hub.fsck.walk import Walk

_ASK = 500
"""Records asked for at once."""
_MAX_BYTES = 64 * 1024 * 1024
"""Bytes of one answer."""


def check_hub(
    url: str, token: str, vkey: str, progress: Progress, shown: Sequence[Note] = ()
) -> Report:
    """Check what a member can see of a running hub against the log's public key."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=60) as client:
        return _Check(client, url, vkey, progress, shown).run()


class _Check:
    def __init__(
        self, client: httpx.Client, url: str, vkey: str, progress: Progress, shown: Sequence[Note]
    ) -> None:
        self.client, self.progress = client, progress
        self.key = read_key(vkey)
        self.report = Report(str(httpx.URL(url).copy_with(userinfo=b"")), self.key.name)
        self.walk = Walk(self.report, self._stored_tile, Shown(shown, self.key, self.report))

    def run(self) -> Report:
        note = self._read("/log/checkpoint").decode("utf-8", "replace")
        self.report.looked_at["checkpoints"] += 1
        try:
            head = read_checkpoint(note, self.key)
        except Unsound as error:
            self.report.fault("checkpoint", "checkpoint", str(error))
            return self.report
        self.report.size = head.size
        audiences = self._audiences()
        mine: list[tuple[int, bytes, str | None]] = []
        for index, entry in enumerate(self._entries(head.size)):
            self.walk.entry(index, entry)
            for collection, secret in audiences:
                if entry[32:] == tag_of(secret, index):
                    mine.append((index, entry[:32], collection))
            if index % ROW == 0:
                self.progress(index, head.size)
        self.walk.finish_tiles()
        self._root(head)
        self._records(mine)
        self.progress(head.size, head.size)
        self.report.notes.append(
            f"{head.size - len(mine):,} of {head.size:,} entries are for other audiences: "
            "their records were not checked"
        )
        return self.report

    def _root(self, head: Head) -> None:
        where = f"checkpoint {head.size}"
        if self.walk.tree.size != head.size:
            message = "the entries are fewer than it says"
            self.report.fault("checkpoint", where, message, head.size, self.walk.tree.size)
        elif self.walk.tree.root() != head.root:
            message = "its root is not that of the entries"
            self.report.fault("checkpoint", where, message, self.walk.tree.root(), head.root)

    def _entries(self, size: int) -> Iterator[bytes]:
        for at in range(0, size, ROW):
            width = min(ROW, size - at)
            name = f"tile/{tile_name('entries', at // ROW, width)}"
            data, begin = self._optional(f"/log/{name}"), 0
            if data is None:
                self.report.fault("entry", name, "it is missing")
                return
            while begin + 2 <= len(data):
                end = begin + 2 + int.from_bytes(data[begin : begin + 2], "big")
                yield data[begin + 2 : end]
                begin = end

    def _stored_tile(self, level: int, index: int, width: int) -> bytes | None:
        return self._optional(f"/log/tile/{tile_name(level, index, width)}")

    def _audiences(self) -> list[tuple[str | None, bytes]]:
        try:
            found = json.loads(self._read("/log/audiences"))["audiences"]
            return [(a["collection"], bytes.fromhex(a["secret"])) for a in found]
        except (ValueError, KeyError, TypeError) as error:
            raise PeerError("the hub's list of audiences cannot be read") from error

    def _records(self, mine: list[tuple[int, bytes, str | None]]) -> None:
        for at in range(0, len(mine), _ASK):
            batch = mine[at : at + _ASK]
            records = self._ask([index for index, _, _ in batch])
            for index, digest, collection in batch:
                record = records.get(digest)
                if record is None:
                    message = "it is for this member, and its record does not come"
                    self.report.fault("record", f"leaf {index}", message)
                else:
                    self._record(index, record, collection)

    def _ask(self, indexes: list[int]) -> dict[bytes, bytes]:
        """Records of leaves, by digest."""
        found: dict[bytes, bytes] = {}
        while indexes:
            asked = {"indexes": indexes}
            headers, data = self._send("POST", "/log/records", asked) or (httpx.Headers(), b"")
            for line in filter(None, data.split(b"\n")):
                found[hashlib.sha256(line).digest()] = line
            answered = headers.get("stillwatch-answered", "")
            if not answered.isdecimal() or int(answered) < 1:
                raise PeerError("the hub does not say how many records it looked up")
            indexes = indexes[int(answered) :]
        return found

    def _record(self, index: int, record: bytes, collection: str | None) -> None:
        where = f"leaf {index}"
        try:
            content: Any = json.loads(record)
            if record_of(content) != record:
                self.report.fault("record", where, "it is no canonical JSON")
        except (ValueError, RecursionError, Unsound) as error:
            self.report.fault("record", where, str(error))
            return
        if collection is None and isinstance(content, dict) and content.keys() == {"key"}:
            self.walk.statement(index, content["key"])
        elif isinstance(content, dict) and content.get("collection") == collection is not None:
            self.walk.claim(index, collection, content.get("object"), where)
        else:
            message = "its record is of another audience than its tag"
            self.report.fault("audience", where, message, collection, content)

    def _read(self, path: str) -> bytes:
        data = self._optional(path)
        if data is None:
            raise PeerError(f"{self.report.source}{path} does not exist", hint="is it a hub?")
        return data

    def _optional(self, path: str) -> bytes | None:
        """Body of an answer; None if there is no such thing."""
        answer = self._send("GET", path)
        return None if answer is None else answer[1]

    def _send(self, method: str, path: str, body: Any = None) -> tuple[httpx.Headers, bytes] | None:
        try:
            with self.client.stream(method, path, json=body) as response:
                data = bytearray()
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > _MAX_BYTES:
                        raise PeerError(f"{path} answers with more than {_MAX_BYTES:,} bytes")
        except httpx.HTTPError as error:
            raise PeerError(f"{self.report.source} cannot be reached ({error})") from error
        if response.status_code == 404:
            return None
        if response.status_code in (401, 403):
            raise PeerError(f"{self.report.source} does not accept the token")
        if response.status_code != 200:
            raise PeerError(f"{self.report.source}{path} answers {response.status_code}")
        return response.headers, bytes(data)
