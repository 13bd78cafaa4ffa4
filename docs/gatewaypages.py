"""The page about the gateway: its settings, endpoints, bounds and figures, from the code.

Rules: every setting, endpoint and bound has a line here, and none that the code does not know.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Final

from stillwatch.gateway.limits import Limits
from stillwatch.gateway.metrics import FIGURES
from stillwatch.gateway.openapi import document
from stillwatch.gateway.settings import _SECTIONS
from stillwatch.gateway.template import STORE_LINE, TEMPLATE

_NOTE = "<!-- Written by docs/generate.py from the code; change that and run `make docs`. -->\n"

SAID: Final[Mapping[str, str]] = {
    "source.store": "database that holds the decisions; a relative SQLite file is beside this one",
    "source.upstream": "URL of a gateway to follow instead; `https://`, or this machine",
    "source.token_file": "file with the upstream's stream token, mode 0600",
    "source.snapshot": "what was known, for a start without the source; default `gateway.snapshot`",
    "source.poll_s": "seconds between questions to a store; default 0.5. A gateway upstream answers at once",
    "listen.host": "address; default 127.0.0.1. Put TLS in front of anything else",
    "listen.port": "default 8787; 0 takes a free one",
    "listen.workers": "processes; default 1. Each holds all decisions",
    "listen.grpc_port": "Envoy's ext_authz over gRPC; needs the extra `envoy`",
    "tokens.decide": "file of those who ask for decisions; default `decide.token`",
    "tokens.stream": "file of gateways that follow this one; default `stream.token`",
    "tokens.metrics": "file of those who read figures and state only; default `metrics.token`",
    "tokens.screen": "file of the sign-up service, with `--screen`; default `screen.token`",
    "request.account": "header with the account; default `x-account-id`; empty: none",
    "request.key": "header with the id of the API key",
    "request.key_form": "`plain`, or `sha256`: the header holds the key itself (e.g. `authorization`), decisions hold its SHA-256 in hex",
    "request.organisation": "header with the organisation",
    "request.ja4": "header with the JA4 fingerprint of the TLS client",
    "request.campaign": "header with a campaign, where a proxy knows it",
    "request.sign_up": "header with the name of a sign-up",
    "request.address": "header that proxies append the address to; default `x-forwarded-for`",
    "request.trusted_hops": "proxies of yours that append to it; default 1: its last entry counts; 0: it is not read",
    "request.trusted_networks": "networks of further proxies of yours, which are stepped over to the left",
    "fail.closed": "scopes that are refused with 503 without knowledge, or with knowledge older than `stale_s`; default none: requests pass",
    "fail.stale_s": "age of knowledge that is too old; default 3600",
    "breaker.share": "share of the traffic that decisions of policies may refuse while they are younger than an hour; default 0.05. Above it they are said and not done; 1 never holds back",
    "breaker.accepted_until": "you have looked and bear what fresh decisions refuse: nothing is held back until then, e.g. `2026-11-26T15:00:00Z`",
    "throttle.file": "file through which the workers of a machine, and all gateways on it that name the same one, share rates and leases; default `gateway.throttle`",
    "throttle.lease_s": "seconds after which a place under a bounded concurrency ends that nobody gives back (its proxy died, or never gives back); default 600, at most 3600. A request that takes longer than this stops counting",
    "stream.readers": "gateways that may follow at a time, per worker; default 64",
    "stream.wait_s": "longest that one of them waits for a change; default 30",
    "refusal.appeal": "one line told to who is refused, e.g. a URL",
}


def gateway() -> str:
    """Reference of the gateway."""
    parts = [
        _NOTE,
        "# The gateway\n",
        "How to run one: [run a gateway](../how-to/run-a-gateway.md). An unknown name in `gateway.toml` is an",
        "error with the closest known one; paths are relative to it. `[tokens]`, `[request]`, `[fail]`, `[breaker]`",
        "and `[refusal]` are taken up while it runs, a second after the file was written or at SIGHUP; the rest takes a",
        "restart, which `/readyz` names.\n",
    ]
    for section, names in _SECTIONS.items():
        rows = ((f"`{name}`", SAID[f"{section}.{name}"]) for name in names)
        parts += [f"## [{section}]\n", _table(("setting", "what it says"), rows)]
    template = TEMPLATE.format(source=STORE_LINE.format(store="sqlite:///share.db"), poll_s="0.5")
    parts += ["## As it is written at first\n", "```text", template.rstrip(), "```\n"]
    parts += ["## Endpoints\n", "The same as OpenAPI 3.1: `GET /openapi.json`.\n"]
    parts.append(_table(("request", "what it is", "answers"), _endpoints()))
    parts += ["## Bounds of a worker\n", _table(("bound", "value"), _bounds())]
    parts += [
        "## Figures\n",
        "At `/metrics`, each with `stillwatch_gateway_` before it; all workers are added up.\n",
    ]
    parts.append(
        _table(
            ("figure", "labels", "what it is"),
            (
                (f"`{name}`", ", ".join(figure.labels) or "—", figure.about)
                for name, figure in FIGURES.items()
            ),
        )
    )
    return "\n".join(parts)


def _endpoints() -> Iterable[tuple[str, ...]]:
    for path, methods in json.loads(document())["paths"].items():
        for method, said in methods.items():
            shown = "ANY" if path.startswith("/envoy") else method.upper()
            yield f"`{shown} {path}`", said["summary"], ", ".join(said["responses"])


def _bounds() -> Iterable[tuple[str, ...]]:
    ours: Any = Limits()
    for one in fields(Limits):
        yield f"`{one.name}`", f"{getattr(ours, one.name):,g}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])
