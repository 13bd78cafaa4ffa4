"""The hub as a member asks it: one method an endpoint, answers checked for their form only.

Rules: nothing here decides whether an answer is true (``history``) or lawful (``intel/policy``).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx
import orjson

from stillwatch.crypto.tiles import Tile
from stillwatch.errors import PeerError
from stillwatch.sharing.fetch import BOUNDS, Answered, Bounds, Fetcher, shown
from stillwatch.sharing.known import Audience

TAXII: Final = "application/taxii+json;version=2.1"
_ANY: Final = "*/*"
_JSON: Final = "application/json"
_BYTES: Final = "application/octet-stream"
_ANSWERED: Final = "stillwatch-answered"
_MOST_INDEXES: Final = 1000
_MOST_PAGES: Final = 10_000


class Hub:
    """One member's way to its hub."""

    def __init__(self, url: str, member: str, token: str, bounds: Bounds = BOUNDS) -> None:
        """``url`` ends in a slash. Raises ``ConfigError`` for one that would show the token."""
        self.url = url
        self._fetch = Fetcher(url, httpx.BasicAuth(member, token), bounds)

    def close(self) -> None:
        """Let go of connections."""
        self._fetch.close()

    def post_objects(self, collection: str, envelope: bytes) -> dict[str, Any]:
        """Send an envelope; the TAXII status of it."""
        url = f"{self.url}api/collections/{collection}/objects/"
        return self._object(
            self._fetch.ask("POST", url, TAXII, content=envelope, kind=TAXII).body, url
        )

    def status(self, name: str) -> dict[str, Any]:
        """The TAXII status of an earlier envelope."""
        url = f"{self.url}api/status/{name}/"
        return self._object(self._fetch.ask("GET", url, TAXII).body, url)

    def checkpoint(self, cosigned: int = 0) -> str:
        """The newest checkpoint that so many witnesses saw, as it came."""
        url = f"{self.url}log/checkpoint"
        params = {"cosigned": str(cosigned)} if cosigned else None
        text: str = self._fetch.ask("GET", url, _ANY, params=params).body.decode("utf-8", "replace")
        return text

    def bundle(self, tile: Tile) -> bytes:
        """A bundle of the log's entries."""
        body: bytes = self._fetch.ask("GET", f"{self.url}log/tile/{tile.path}", _ANY).body
        return body

    def audiences(self) -> list[Audience]:
        """The audiences that we are in."""
        url = f"{self.url}log/audiences"
        said = self._object(self._fetch.ask("GET", url, _JSON).body, url)
        try:
            return [
                Audience(int(a["id"]), _text_or_none(a["collection"]), bytes.fromhex(a["secret"]))
                for a in said["audiences"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise PeerError(f"{shown(url)} answered with no audiences") from error

    def records(self, indexes: Sequence[int]) -> Iterator[bytes]:
        """Records of leaves; those that the hub does not give are left out."""
        url, left = f"{self.url}log/records", list(indexes)
        while left:
            asked = orjson.dumps({"indexes": left[:_MOST_INDEXES]})
            answer = self._fetch.ask("POST", url, _ANY, content=asked)
            yield from (line for line in answer.body.split(b"\n") if line)
            try:
                done = int(answer.headers.get(_ANSWERED, ""))
            except ValueError:
                done = 0
            if done < 1:
                raise PeerError(f"{shown(url)} does not say how many records it looked up")
            left = left[done:]

    def cosign(self, size: int, line: str) -> None:
        """Leave our cosignature of a checkpoint."""
        body = orjson.dumps({"size": size, "line": line})
        self._fetch.ask("POST", f"{self.url}log/cosignatures", _JSON, content=body)

    def standing(self) -> Iterator[dict[str, Any]]:
        """How the claims that we may read stand."""
        url, since = f"{self.url}v1/standing", dict[str, str]()
        for _ in range(_MOST_PAGES):
            page = self._object(self._fetch.ask("GET", url, _JSON, params=since).body, url)
            listed, onward = page.get("standing"), page.get("next")
            if not isinstance(listed, list):
                raise PeerError(f"{shown(url)} answered with no standing")
            yield from (one for one in listed if isinstance(one, dict))
            if page.get("more") is not True:
                return
            if not isinstance(onward, str) or onward == since.get("since"):
                raise PeerError(f"{shown(url)} says that there is more, but no way to it")
            since = {"since": onward}
        raise PeerError(f"{shown(url)} has more than {_MOST_PAGES:,} pages")

    def post_pack(self, content: bytes) -> str:
        """Send a pack of tags; the SHA-256 under which the hub keeps it."""
        url = f"{self.url}v1/packs"
        answer = self._fetch.ask("POST", url, _JSON, content=content, kind=_BYTES)
        return str(self._object(answer.body, url).get("sha256"))

    def pack(self, sha256: str) -> bytes | None:
        """A pack of tags, unverified; None if there is none, or none for us."""
        try:
            body: bytes = self._fetch.ask("GET", f"{self.url}v1/packs/{sha256}", _BYTES).body
        except Answered as error:
            if error.status == 404:
                return None
            raise
        return body

    def me(self) -> dict[str, Any]:
        """Who we are to the hub: tier, quotas, identities."""
        url = f"{self.url}v1/members/me"
        return self._object(self._fetch.ask("GET", url, _JSON).body, url)

    def state_key(self, statement: dict[str, Any]) -> dict[str, Any]:
        """Enrol or change a key of ours."""
        url = f"{self.url}v1/keys"
        body = orjson.dumps(statement)
        return self._object(self._fetch.ask("POST", url, _JSON, content=body).body, url)

    def open_appeal(self, collection: str, claim: str, reason: str) -> dict[str, Any]:
        """Appeal against a claim; it is frozen until that is decided."""
        url = f"{self.url}v1/appeals"
        body = orjson.dumps({"collection": collection, "claim": claim, "reason": reason})
        return self._object(self._fetch.ask("POST", url, _JSON, content=body).body, url)

    def appeals(self) -> Iterator[dict[str, Any]]:
        """Appeals that we brought or have to answer."""
        url, after = f"{self.url}v1/appeals", dict[str, str]()
        for _ in range(_MOST_PAGES):
            page = self._object(self._fetch.ask("GET", url, _JSON, params=after).body, url)
            listed, onward = page.get("appeals"), page.get("next")
            if not isinstance(listed, list):
                raise PeerError(f"{shown(url)} answered with no appeals")
            yield from (one for one in listed if isinstance(one, dict))
            if page.get("more") is not True:
                return
            if not isinstance(onward, str) or onward == after.get("after"):
                raise PeerError(f"{shown(url)} says that there is more, but no way to it")
            after = {"after": onward}
        raise PeerError(f"{shown(url)} has more than {_MOST_PAGES:,} pages")

    def names(self) -> dict[str, str]:
        """Names of members by the identity that is their own; pseudonyms have none.

        The hub's word alone: keys and states are the log's.
        """
        url, names, after = f"{self.url}v1/keys", dict[str, str](), dict[str, str]()
        for _ in range(_MOST_PAGES):
            page = self._object(self._fetch.ask("GET", url, _JSON, params=after).body, url)
            listed, onward = page.get("keys"), page.get("next")
            if not isinstance(listed, list):
                raise PeerError(f"{shown(url)} answered with no keys")
            for one in listed:
                if isinstance(one, dict) and isinstance(one.get("member"), str):
                    names[str(one.get("identity"))] = one["member"]
            if page.get("more") is not True:
                return names
            if not isinstance(onward, str) or onward == after.get("after"):
                raise PeerError(f"{shown(url)} says that there is more, but no way to it")
            after = {"after": onward}
        raise PeerError(f"{shown(url)} has more than {_MOST_PAGES:,} pages")

    def epochs(self) -> list[Any]:
        """Documents of key epochs, unverified (see ``sharing.matching.epochs``)."""
        url = f"{self.url}v1/epochs"
        listed = self._object(self._fetch.ask("GET", url, _JSON).body, url).get("epochs")
        if not isinstance(listed, list):
            raise PeerError(f"{shown(url)} answered with no epochs")
        return listed

    def post_epoch(self, document: dict[str, Any]) -> dict[str, Any]:
        """Hand in a document that all its evaluators signed."""
        url = f"{self.url}v1/epochs"
        body = orjson.dumps(document)
        return self._object(self._fetch.ask("POST", url, _JSON, content=body).body, url)

    def _object(self, body: bytes, url: str) -> dict[str, Any]:
        try:
            said = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise PeerError(f"{shown(url)} answered with something that is no JSON") from error
        if not isinstance(said, dict):
            raise PeerError(f"{shown(url)} answered with something that is no JSON object")
        return said


def _text_or_none(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value
