"""One file, ``gateway.toml``, says what a gateway follows, where it listens, and whom it believes.

Rules: secrets stand in files of their own, which nobody else may read; paths are relative to the
settings' file. A name that is not known is an error with the closest known one. What decides on
requests can be changed while the gateway runs; where it listens and what it follows cannot.
"""

import difflib
import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final, Literal, get_args

from stillwatch.domain.decision import Scope
from stillwatch.errors import ConfigError
from stillwatch.gateway.throttlefile import LEASE_S, MOST_LEASE_S
from stillwatch.settingsfile import Sections, check_names

KeyForm = Literal["plain", "sha256"]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Source:
    """Whom the gateway follows: a store, or another gateway."""

    store: str | None = field(default=None, repr=False)
    """Database URL."""
    upstream: str | None = None
    """URL of a gateway."""
    token_file: Path | None = None
    """The upstream's stream token."""
    snapshot: Path | None = None
    poll_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the gateway is asked."""

    host: str = "127.0.0.1"
    port: int = 8787
    """0 takes a free one."""
    workers: int = 1
    grpc_port: int | None = None


@dataclass(frozen=True, slots=True)
class TokenFiles:
    """One token a line: the next one is added before the last one goes."""

    decide: Path
    stream: Path
    metrics: Path
    screen: Path


@dataclass(frozen=True, slots=True)
class Carriers:
    """Names of request headers, in lower case; None for what no header says."""

    account: str | None = "x-account-id"
    key: str | None = None
    key_form: KeyForm = "plain"
    """``sha256``: the header holds an API key, decisions hold its SHA-256 in hex."""
    organisation: str | None = None
    ja4: str | None = None
    campaign: str | None = None
    sign_up: str | None = None
    address: str | None = "x-forwarded-for"
    trusted_hops: int = 1
    """Proxies of ours that append to the address header; its last entry is the first's word."""
    trusted_networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Fail:
    """What holds without knowledge, and with knowledge that is too old."""

    closed: frozenset[Scope] = frozenset()
    stale_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Second:
    """The second guard: what share of the traffic policies' fresh decisions may refuse."""

    share: float = 0.05
    """0-1; 1 never holds back."""
    accepted_until: datetime | None = None
    """A person has looked: nothing is held back until then."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """What throttles are kept in, and for how long a place is held."""

    file: Path | None = None
    """Shared by all gateways of a machine that name it; None: in the process."""
    lease_s: float = LEASE_S
    """When a place under a bounded concurrency that nobody gives back ends by itself."""


@dataclass(frozen=True, slots=True)
class Streaming:
    """How many gateways may follow this one."""

    readers: int = 64
    wait_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a gateway needs to know."""

    folder: Path
    """What relative paths start from."""
    path: Path | None
    """Of the file; None where all comes from the command line."""
    source: Source
    listen: Listen
    tokens: TokenFiles
    request: Carriers = field(default_factory=Carriers)
    fail: Fail = field(default_factory=Fail)
    breaker: Second = field(default_factory=Second)
    throttle: Throttle = field(default_factory=Throttle)
    stream: Streaming = field(default_factory=Streaming)
    appeal: str = ""
    """Where to turn, told to who is refused."""

    def moved(self, new: "Settings") -> tuple[str, ...]:
        """Names of sections that differ and take a restart."""
        fixed = ("source", "listen", "throttle", "stream")
        return tuple(name for name in fixed if getattr(self, name) != getattr(new, name))

    def taking(self, new: "Settings") -> "Settings":
        """These settings with what of the new ones can be had without a restart."""
        return replace(
            self,
            tokens=new.tokens,
            request=new.request,
            fail=new.fail,
            breaker=new.breaker,
            appeal=new.appeal,
        )


_CARRIED: Final = ("account", "key", "organisation", "ja4", "campaign", "sign_up", "address")
_SECTIONS: Final[Sections] = {
    "source": {
        "store": (str,), "upstream": (str,), "token_file": (str,), "snapshot": (str,),
        "poll_s": (float, int),
    },
    "listen": {"host": (str,), "port": (int,), "workers": (int,), "grpc_port": (int,)},
    "tokens": dict.fromkeys(("decide", "stream", "metrics", "screen"), (str,)),
    "request": {
        **dict.fromkeys(_CARRIED, (str,)), "key_form": (str,),
        "trusted_hops": (int,), "trusted_networks": (list,),
    },
    "fail": {"closed": (list,), "stale_s": (float, int)},
    "breaker": {"share": (float, int), "accepted_until": (datetime,)},
    "throttle": {"file": (str,), "lease_s": (float, int)},
    "stream": {"readers": (int,), "wait_s": (float, int)},
    "refusal": {"appeal": (str,)},
}  # fmt: skip
_HEADER: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_LOCAL: Final = ("http://127.0.0.1", "http://localhost", "http://[::1]")
_MOST_APPEAL: Final = 300


def load_settings(path: Path) -> Settings:
    """Read ``gateway.toml``. Raises ``ConfigError`` naming file and setting."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", hint="`stillwatch gateway init` writes one"
        ) from error
    check_names(data, _SECTIONS, path)
    return _settings(data, path.parent, path)


def bare_settings(folder: Path) -> Settings:
    """Defaults, for a gateway that is told everything on the command line."""
    return _settings({}, folder, None)


def with_source(
    settings: Settings, *, store: str | None, upstream: str | None, token_file: Path | None
) -> Settings:
    """Settings that follow what the command line names. Raises ``ConfigError``."""
    if store is not None and upstream is not None:
        raise ConfigError("--store and --from exclude one another")
    source = settings.source
    if store is not None:
        source = replace(source, store=store, upstream=None, token_file=None)
    elif upstream is not None:
        source = replace(source, store=None, upstream=guarded_url(upstream, "--from"))
    if token_file is not None:
        source = replace(source, token_file=token_file)
    return replace(settings, source=_followed(source, settings.path))


def _settings(data: Mapping[str, Any], folder: Path, path: Path | None) -> Settings:
    parts = {name: data.get(name, {}) for name in _SECTIONS}
    tokens, stream = parts["tokens"], parts["stream"]
    where = f"{path}: " if path else ""
    return Settings(
        folder=folder,
        path=path,
        source=_source(parts["source"], folder, path),
        listen=_listen(parts["listen"], where),
        tokens=TokenFiles(
            **{f.name: folder / tokens.get(f.name, f"{f.name}.token") for f in fields(TokenFiles)}
        ),
        request=_carriers(parts["request"], where),
        fail=_fail(parts["fail"], where),
        breaker=_second(parts["breaker"], where),
        throttle=_throttle(parts["throttle"], folder, where),
        stream=Streaming(
            _within(stream.get("readers", 64), 0, 10_000, f"{where}stream.readers"),
            float(_within(stream.get("wait_s", 30), 0.1, 600, f"{where}stream.wait_s")),
        ),
        appeal=_appeal(parts["refusal"].get("appeal", ""), where),
    )


def _source(said: Mapping[str, Any], folder: Path, path: Path | None) -> Source:
    where = f"{path}: " if path else ""
    source = Source(
        store=_store(said["store"], folder) if "store" in said else None,
        upstream=guarded_url(said["upstream"], f"{where}source.upstream")
        if "upstream" in said
        else None,
        token_file=folder / said["token_file"] if "token_file" in said else None,
        snapshot=folder / said.get("snapshot", "gateway.snapshot"),
        poll_s=float(_within(said.get("poll_s", 0.5), 0.05, 3600, f"{where}source.poll_s")),
    )
    return _followed(source, path) if path else source


def _followed(source: Source, path: Path | None) -> Source:
    where = f"{path}: source" if path else "the command line"
    if (source.store is None) == (source.upstream is None):
        raise ConfigError(
            f"{where} names {'two sources' if source.store else 'no source'}",
            hint="a store, or the gateway upstream: exactly one of them",
        )
    if source.upstream is not None and source.token_file is None:
        raise ConfigError(
            f"{where} names no token for {source.upstream}",
            hint="token_file (--from-token-file): a file of mode 0600 with its stream token",
        )
    return source


def _listen(said: Mapping[str, Any], where: str) -> Listen:
    grpc = said.get("grpc_port")
    return Listen(
        host=said.get("host", "127.0.0.1"),
        port=_within(said.get("port", 8787), 0, 65535, f"{where}listen.port"),
        workers=_within(said.get("workers", 1), 1, 256, f"{where}listen.workers"),
        grpc_port=None if grpc is None else _within(grpc, 0, 65535, f"{where}listen.grpc_port"),
    )


def _carriers(said: Mapping[str, Any], where: str) -> Carriers:
    ours = Carriers()
    form = said.get("key_form", "plain")
    if form not in get_args(KeyForm):
        raise ConfigError(f"{where}request.key_form = {form!r}", hint='"plain" or "sha256"')
    try:
        networks = tuple(ipaddress.ip_network(one) for one in said.get("trusted_networks", ()))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{where}request.trusted_networks: {error}") from error
    return Carriers(
        **{name: _header(said.get(name, getattr(ours, name)), name, where) for name in _CARRIED},
        key_form=form,
        trusted_hops=_within(said.get("trusted_hops", 1), 0, 32, f"{where}request.trusted_hops"),
        trusted_networks=networks,
    )


def _header(name: str | None, of: str, where: str) -> str | None:
    lower = (name or "").lower()
    if not set(lower) <= _HEADER or len(lower) > 64:
        raise ConfigError(f"{where}request.{of} = {name!r} is no name of a header")
    return lower or None


def _fail(said: Mapping[str, Any], where: str) -> Fail:
    for scope in said.get("closed", []):
        if scope not in list(Scope):
            close = difflib.get_close_matches(str(scope), list(Scope), 1)
            hint = f"did you mean {str(close[0])!r}?" if close else f"known: {', '.join(Scope)}"
            raise ConfigError(f"{where}fail.closed = {scope!r}", hint=hint)
    return Fail(
        frozenset(Scope(scope) for scope in said.get("closed", [])),
        float(_within(said.get("stale_s", 3600), 1, 10**8, f"{where}fail.stale_s")),
    )


def _second(said: Mapping[str, Any], where: str) -> Second:
    until = said.get("accepted_until")
    if until is not None and until.tzinfo is None:
        raise ConfigError(
            f"{where}breaker.accepted_until has no zone", hint="e.g. 2026-11-26T15:00:00Z"
        )
    share = float(_within(said.get("share", 0.05), 0.001, 1, f"{where}breaker.share"))
    return Second(share, until)


def _throttle(said: Mapping[str, Any], folder: Path, where: str) -> Throttle:
    lease = _within(said.get("lease_s", LEASE_S), 1, MOST_LEASE_S, f"{where}throttle.lease_s")
    return Throttle(folder / said.get("file", "gateway.throttle"), float(lease))


def _appeal(text: str, where: str) -> str:
    if len(text) > _MOST_APPEAL or not text.isprintable():
        raise ConfigError(f"{where}refusal.appeal is one line of at most {_MOST_APPEAL} characters")
    return text


def _within(value: Any, low: float, high: float, name: str) -> Any:
    if not low <= value <= high:
        raise ConfigError(f"{name} = {value} must lie between {low} and {high}")
    return value


def guarded_url(text: str, name: str) -> str:
    """Where a token may go: TLS, or this machine. Raises ``ConfigError``."""
    host = text.partition("://")[2].partition("/")[0]
    local = any(text == one or text.startswith((f"{one}:", f"{one}/")) for one in _LOCAL)
    if "@" in host or not (text.startswith("https://") or local):
        raise ConfigError(f"{name} would send the token unprotected", hint="use https://")
    return text.rstrip("/")


def _store(url: str, folder: Path) -> str:
    """A relative SQLite file lies beside the settings."""
    name = url.removeprefix("sqlite:///")
    return url if name == url else f"sqlite:///{folder / name}"
