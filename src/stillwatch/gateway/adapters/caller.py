"""Who a request is from, read off what an ASGI server knows of it, as the service reads it off a proxy's.

Rules
    * A header that names the caller is only as good as the proxy that sets it: it must replace what
      clients send. One that comes twice with two values names nobody, and the request is refused.
    * The address is the connection's. Behind proxies it is read from the right of X-Forwarded-For, as
      many entries as there are proxies of ours; what stands left of that is the client's own words.
    * A key is known by its SHA-256 or by an id, never by itself.

>>> scope = {"client": ("198.51.100.1", 5), "headers": [(b"x-forwarded-for", b"203.0.113.66, 192.0.2.7")]}
>>> Headers()(scope).address
'198.51.100.1'
>>> Headers(trusted_hops=1)(scope).address
'192.0.2.7'
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from stillwatch.errors import InputError
from stillwatch.gateway.carried import Reader
from stillwatch.gateway.settings import Carriers, KeyForm
from stillwatch.gateway.table import Request

Scope = Mapping[str, Any]
"""Of a connection, as ASGI has it."""


class AmbiguousCallerError(ValueError):
    """A header that names the caller has two values; the argument says which."""


class Headers:
    """Names of headers that say who a request is from; the same as under ``[request]`` in gateway.toml."""

    def __init__(
        self,
        *,
        account: str | None = None,
        key: str | None = None,
        key_form: KeyForm = "plain",
        organisation: str | None = None,
        ja4: str | None = None,
        campaign: str | None = None,
        sign_up: str | None = None,
        address: str = "x-forwarded-for",
        trusted_hops: int = 0,
        trusted_networks: Iterable[str] = (),
    ) -> None:
        """``key_form``: ``sha256`` where the header holds the key itself, e.g. ``authorization``.

        ``trusted_hops``: proxies of ours that append to ``address``; with 0 it is not read.
        """
        names = (account, key, organisation, ja4, campaign, sign_up)
        lower = (name.lower() if name else None for name in names)
        account, key, organisation, ja4, campaign, sign_up = lower
        self.unusable: Counter[str] = Counter()
        """Values that no decision can be about, by what they would have said."""
        self._reader = Reader(
            Carriers(
                account=account,
                key=key,
                key_form=key_form,
                organisation=organisation,
                ja4=ja4,
                campaign=campaign,
                sign_up=sign_up,
                address=address.lower(),
                trusted_hops=trusted_hops,
                trusted_networks=tuple(ip_network(one) for one in trusted_networks),
            )
        )

    def __call__(self, scope: Scope) -> Request:
        """The caller of a request. Raises ``AmbiguousCallerError``."""
        client = scope.get("client")
        peer = client[0] if client else None
        try:
            return self._reader.request(scope.get("headers", ()), self._count, peer=peer)
        except InputError as error:
            raise AmbiguousCallerError(error.message) from error

    def _count(self, member: str) -> None:
        self.unusable[member] += 1
