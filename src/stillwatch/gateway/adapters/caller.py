"""Who a request is from, read off what an ASGI server knows of it.

Rules
    * A header that names the caller is only as good as the proxy that sets it: it must replace what
      clients send. One that is there twice names nobody, and the request is refused.
    * The address is the connection's. Behind proxies it is read from the right of X-Forwarded-For, as
      many entries as there are proxies of ours; what stands left of that is the client's own words.
    * A key is known by its SHA-256, never by itself.

>>> scope = {"client": ("198.51.100.1", 5), "headers": [(b"x-forwarded-for", b"203.0.113.66, 192.0.2.7")]}
>>> Headers(proxies=1)(scope).address
'192.0.2.7'
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from stillwatch.gateway.table import Request

Scope = Mapping[str, Any]
"""Of a connection, as ASGI has it."""


class AmbiguousCallerError(ValueError):
    """A header that names the caller is there more than once; its name is the argument."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Names of headers, in lower case, that say who a request is from; None for what none says."""

    account: str | None = None
    key: str | None = None
    """Holds the id of a key."""
    secret: str | None = None
    """Holds the key itself, e.g. ``authorization``: decisions are about its SHA-256 in hex."""
    organisation: str | None = None
    ja4: str | None = None
    campaign: str | None = None
    sign_up: str | None = None
    forwarded: str = "x-forwarded-for"
    proxies: int = 0
    """Proxies of ours that a request passes, each of which appends to ``forwarded``."""

    def __call__(self, scope: Scope) -> Request:
        """The caller of a request. Raises ``AmbiguousCallerError``."""
        values: dict[str, list[str]] = {}
        for name, value in scope.get("headers", ()):
            values.setdefault(name.decode("latin-1").lower(), []).append(_text(value))
        said = {
            field.name: _one(values, getattr(self, field.name))
            for field in fields(self)
            if field.name not in ("secret", "forwarded", "proxies")
        }
        if self.secret and (secret := _one(values, self.secret)):
            said["key"] = key_digest(secret)
        forwarded = ",".join(values.get(self.forwarded, []))
        return Request(**said, address=client_address(scope, forwarded, self.proxies))


def client_address(scope: Scope, forwarded: str, proxies: int) -> str | None:
    """Address of the client behind ``proxies`` proxies of ours, as the first of them says it.

    With fewer entries than proxies the request came another way: then the connection's counts.
    """
    entries = [entry.strip() for entry in forwarded.split(",") if entry.strip()]
    if proxies and len(entries) >= proxies:
        return _bare(entries[-proxies])
    client = scope.get("client")
    return client[0] if client else None


def key_digest(secret: str) -> str:
    """What decisions call an API key: SHA-256 in hex, without a leading ``Bearer``."""
    scheme, _, rest = secret.strip().partition(" ")
    key = rest.strip() if scheme.lower() == "bearer" else secret.strip()
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _one(values: Mapping[str, list[str]], name: str | None) -> str | None:
    found = values.get(name, []) if name else []
    if len(found) > 1:
        raise AmbiguousCallerError(name)
    return found[0].strip() or None if found else None


def _bare(entry: str) -> str:
    """An entry of X-Forwarded-For without the port that some proxies add."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
