"""What a request carries: who asks, from where, and with which TLS client.

Rules
    * Headers are believed because a proxy of ours set them; of the address header only what our
      own proxies appended counts, from the right, never its first entry blindly.
    * A header that comes twice with two values names two askers: the request is refused.
    * A value longer than any decision's is counted and left out: it stands nowhere. An address
      that is none is counted and kept: by it nothing can be judged, which may be a closed door.
      Either way the rest of the request is still judged.
"""

import difflib
import hashlib
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from stillwatch.errors import InputError
from stillwatch.gateway.addresses import number
from stillwatch.gateway.limits import Limits
from stillwatch.gateway.settings import Carriers, Network
from stillwatch.gateway.table import Request

_MOST: Final = Limits().value_chars
_MOST_ENTRIES: Final = 100
"""Of an address header; ours stand at its end."""
_NAMES: Final = frozenset(Request._fields)
_PLACES: Final = {name: place for place, name in enumerate(Request._fields)}
Count = Callable[[str], None]
"""Told which member of a request could not be used."""


def asked_request(body: bytes, unusable: Count) -> Request:
    """The request that a body in JSON describes. Raises ``InputError``, which does not quote it."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the body is no JSON: {error.msg}, line {error.lineno}") from None
    if not isinstance(said, dict):
        raise InputError("the body is no JSON object", hint='e.g. {"account": "…", "address": "…"}')
    return request_of(said, unusable)


def request_of(said: Mapping[str, Any], unusable: Count) -> Request:
    """The request that names and values describe. Raises ``InputError``."""
    if not said.keys() <= _NAMES:
        raise _unknown(next(name for name in said if name not in _NAMES))
    found, usable = Request(*map(said.get, _PLACES)), True
    for value in found:
        if value is not None:
            if type(value) is not str:
                raise InputError(
                    f"{next(n for n, v in said.items() if v is value)} is a text or null"
                )
            usable &= 0 < len(value) <= _MOST
    if not usable:
        found = _usable(found, unusable)
    if found.address is not None and not is_address(found.address):
        plain = plain_address(found.address)
        if plain is None:
            unusable("address")
        else:
            found = found._replace(address=plain)
    return found


def _unknown(name: str) -> InputError:
    close = difflib.get_close_matches(name[:64], _PLACES, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_PLACES)}"
    return InputError("the body holds a name that is not known", hint=hint)


def _usable(request: Request, unusable: Count) -> Request:
    """Without what stands in no decision; an empty text is nothing at all.

    Of an address that is too long the beginning is kept: with a long zone it is still one, and
    what is none stays before a closed door.
    """
    kept = dict[str, str | None]()
    for name, value in request._asdict().items():
        kept[name] = value if value and len(value) <= _MOST else None
        if value and len(value) > _MOST:
            if name == "address":
                kept[name] = value[:_MOST]
            else:
                unusable(name)
    return Request(**kept)


class Reader:
    """Reads requests off headers, as the settings name them."""

    def __init__(self, carriers: Carriers) -> None:
        named = {name: getattr(carriers, name) for name in Request._fields}
        self._address = _bytes(carriers.address) if carriers.trusted_hops else None
        self._hops, self._networks = carriers.trusted_hops, carriers.trusted_networks
        self._hashed = carriers.key_form == "sha256"
        self._names: dict[bytes, list[int]] = {}
        for name, header in named.items():
            if header and name != "address":
                self._names.setdefault(header.encode(), []).append(_PLACES[name])

    def request(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        unusable: Count,
        *,
        peer: str | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Request:
        """The request; ``given`` stands above headers, ``peer`` below the address header.

        Raises ``InputError`` for a header with two values.
        """
        values: list[str | None] = [None] * len(_PLACES)
        hops: list[bytes] = []
        for name, value in headers:
            if name == self._address:
                hops.append(value)
            for place in self._names.get(name, ()):
                text = self._text(name, place, value)
                if values[place] not in (None, text):
                    raise InputError(f"the header {name.decode()} came twice with two values")
                values[place] = text
        values[_PLACES["address"]] = self._client(hops) if hops else peer
        for field, word in (given or {}).items():
            values[_PLACES[field]] = word
        address = values[_PLACES["address"]]
        if address is not None and not is_address(address):
            unusable("address")
        found = Request(*values)
        if any(value is not None and not 0 < len(value) <= _MOST for value in found):
            found = _usable(found, unusable)
        return found

    def _text(self, name: bytes, place: int, value: bytes) -> str:
        if self._hashed and place == _PLACES["key"]:
            return key_digest(value, bearer=name == b"authorization")
        return value.decode("utf-8", "replace").strip()

    def _client(self, lines: list[bytes]) -> str:
        """The last hop that is not ours."""
        entries = b",".join(lines).split(b",")[-_MOST_ENTRIES:]
        texts = [entry.decode("latin-1") for entry in entries]
        return client_address(texts, self._hops, self._networks)


def client_address(
    entries: list[str], trusted_hops: int, trusted_networks: tuple[Network, ...]
) -> str:
    """Who asked the outermost proxy of ours: each proxy appends whom it was asked by.

    ``trusted_hops`` entries from the right are our proxies' words, and further to the left goes on
    what stands in a trusted network. The entry as it is where it is no address.
    """
    at = max(len(entries) - trusted_hops, 0)
    while True:
        address = plain_address(entries[at])
        if address is None:
            return entries[at].strip()[:_MOST] or "unknown"
        if at == 0 or not _within(address, trusted_networks):
            return address
        at -= 1


def plain_address(entry: str) -> str | None:
    """An address without quotes, brackets and port; None for what is none."""
    text = entry.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return text if is_address(text) else None


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    return number(text) is not None


def key_digest(value: bytes, *, bearer: bool) -> str:
    """SHA-256 in hex of an API key, as decisions hold it."""
    key = value.strip()
    if bearer and key[:7].lower() == b"bearer ":
        key = key[7:].strip()
    return hashlib.sha256(key).hexdigest()


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    if not networks:
        return False
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(mapped in network for network in networks)


def _bytes(name: str | None) -> bytes | None:
    return name.encode() if name else None
