"""Sign-ups and network sources as columns of text: addresses, clients, cards, mail.

Rules
    * Nobody is named. Mail domains end in ``.example`` (RFC 2606), telephone numbers use the
      unassigned country code 999, autonomous systems the private range of RFC 6996. Addresses
      are drawn from ordinary public space, so that a reader treats them as it would real ones;
      they mean nobody.
    * Everything is a function of keys, so a day's file never needs the other days.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.simulation.interface import NETS, PATHS, Ints, Rows
from stillwatch.simulation.keys import Keys, mix, pick, unit

AUTHORIZED = ("", "synthetic_data", "benchmarking", "red_teaming")
COUNTRIES = (
    "US",
    "DE",
    "IN",
    "GB",
    "BR",
    "JP",
    "FR",
    "SG",
    "CA",
    "NL",
    "CN",
    "RU",
    "ES",
    "HK",
    "PL",
    "KR",
)
COUNTRY_WEIGHTS = (26, 8, 12, 7, 6, 6, 5, 4, 4, 3, 5, 3, 4, 3, 2, 2)
ZONES = (-6, 1, 5, 0, -3, 9, 1, 8, -5, 1, 8, 3, 1, 8, 1, 9)
"""Hours east of UTC, per country; half hours are rounded down."""
CHANNELS = ("first_party", "cloud_market_a", "cloud_market_b")
_FIRST_OCTETS = (
    23, 31, 37, 45, 52, 58, 62, 66, 71, 77, 80, 84, 89, 93, 101, 109, 115, 121, 128, 134, 139,
    144, 151, 158, 163, 168, 177, 181, 186, 193, 201, 207, 212, 217,
)  # fmt: skip
_CLOUD, _VPN, _PROXY = NETS.index("cloud"), NETS.index("vpn"), NETS.index("proxy")
_EDGES = np.cumsum(COUNTRY_WEIGHTS) / sum(COUNTRY_WEIGHTS)
_DECIMAL = pa.array([str(i) for i in range(65536)])
_HEX4 = pa.array([f"{i:04x}" for i in range(65536)])


def country_of(keys: Keys) -> Ints:
    """Draw countries by weight."""
    return np.searchsorted(_EDGES, unit(keys)).astype(np.int64)


def hexadecimal(keys: Keys, prefix: str, words: int = 3) -> pa.StringArray:
    """Write keys as hexadecimal ids of 4 * words digits."""
    parts = [
        _HEX4.take(
            pa.array(((keys >> np.uint64(48 - 16 * i)) & np.uint64(0xFFFF)).astype(np.int64))
        )
        for i in range(words)
    ]
    return pc.binary_join_element_wise(prefix, *parts, "")


@dataclass(frozen=True, slots=True)
class Source:
    """Network source of each request."""

    ip: pa.StringArray
    asn: pa.Int64Array
    country: Ints


def network(rows: Rows, thread: Keys, day: int) -> Source:
    """Choose an address for each request: few and sticky for people, many for proxies."""
    net = rows["net"].astype(np.int64)
    # An address is kept for a conversation, and most of a day's traffic stays on one address.
    spot = mix(rows["key"], day) % np.uint64(997)
    spot = np.where(unit(mix(thread, 3)) < 0.25, thread, spot)
    address = mix(rows["site"], spot % np.maximum(rows["addresses"], 1).astype(np.uint64))
    country = np.where(net == _PROXY, country_of(mix(address, 5)), rows["country"]).astype(np.int64)
    provider = pick(mix(np.where(net == _PROXY, address, rows["site"]), 9), 6)
    provider = np.where(net == _CLOUD, provider, provider + 10 * country)
    kind = np.where(net == _PROXY, pick(mix(address, 6), 2), net)
    asn = 4_200_000_000 + 10_000 * kind + provider
    return Source(_addresses(asn, address), pa.array(asn), country)


def _addresses(asn: Ints, address: Keys) -> pa.StringArray:
    """Write an address inside one of the eight blocks of its autonomous system."""
    block = mix(asn.astype(np.uint64), pick(mix(address, 1), 8).astype(np.uint64))
    octets = (
        np.asarray(_FIRST_OCTETS)[pick(block, len(_FIRST_OCTETS))],
        pick(mix(block, 2), 256),
        pick(mix(address, 3), 256),
        1 + pick(mix(address, 4), 254),
    )
    return pc.binary_join_element_wise(*(_DECIMAL.take(pa.array(o)) for o in octets), ".")


@dataclass(frozen=True, slots=True)
class Client:
    """A program that calls the API."""

    family: str
    agent: str
    tls: str


def _clients() -> tuple[Client, ...]:
    browsers = [
        (f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
         f"t13d1516h2_8daaf6152771_{v:03d}b0da4bb41")
        for v in (138, 141, 143, 144)
        for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
    ] + [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
         "t13d2014h2_a09f3c656075_14788d8d241b"),
        ("Mozilla/5.0 (Windows NT 10.0; rv:141.0) Gecko/20100101 Firefox/141.0", "t13d1715h2_5b57614c22b0_3d5424432f57"),
    ]  # fmt: skip
    programs = [
        *(
            (f"sdk-python/{v}", "t13d1812h1_85036bcba153_375ca2c5e164")
            for v in ("1.93.0", "1.99.1", "1.104.2", "2.1.0")
        ),
        *(
            (f"sdk-node/{v}", "t13d5911h1_a33745022dd6_1f22a2ca17c4")
            for v in ("4.98.0", "5.10.1", "5.20.2")
        ),
        ("python-requests/2.32.4", "t13d1811h1_85036bcba153_b26ce05bbdd6"),
        ("python-httpx/0.28.1", "t13d1812h1_85036bcba153_b26ce05bbdd6"),
        ("Go-http-client/2.0", "t13d1311h2_f57a46bbacb6_e7c285222651"),
        ("okhttp/4.12.0", "t13d1714h2_5b57614c22b0_eeeea6562960"),
        ("axios/1.11.0", "t13d5911h1_a33745022dd6_1f22a2ca17c4"),
        ("curl/8.9.1", "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"),
        ("langchain-like/0.3.27", "t13d1812h1_85036bcba153_375ca2c5e164"),
    ]
    editors = [
        *(
            (f"ide-assistant/{v} (vscode)", "t13d1713h2_5b57614c22b0_748f4c70de1c")
            for v in ("0.31", "0.33", "0.34")
        ),
        ("ide-assistant/0.9 (jetbrains)", "t13d1516h1_8daaf6152771_de4a06bb82e3"),
        ("terminal-agent/1.0.72", "t13d5912h1_a33745022dd6_dbd39dd1d406"),
        ("terminal-agent/1.0.80", "t13d5912h1_a33745022dd6_dbd39dd1d406"),
    ]
    return (
        *(Client("browser", *pair) for pair in browsers),
        *(Client("program", *pair) for pair in programs),
        *(Client("editor", *pair) for pair in editors),
    )


CLIENTS = _clients()
AGENTS = pa.array([client.agent for client in CLIENTS])
FINGERPRINTS = pa.array([client.tls for client in CLIENTS])


def client_rows(families: tuple[str, ...]) -> Ints:
    """Indices of the clients of some families."""
    return np.array([i for i, client in enumerate(CLIENTS) if client.family in families])


_SYLLABLES = pa.array(
    [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ai", "el", "or")]
)
_MAIL = pa.array(
    ["postbox.example", "quickmail.example", "inbox.example", "letters.example", "mailhut.example"]
)


def handles(keys: Keys) -> pa.StringArray:
    """Write pronounceable mail handles with digits."""
    parts = [_SYLLABLES.take(pa.array(pick(mix(keys, i), len(_SYLLABLES)))) for i in range(3)]
    return pc.binary_join_element_wise(
        *parts, _DECIMAL.take(pa.array(pick(mix(keys, 4), 10_000))), ""
    )


_TIERS = pa.array(["free", "low", "medium", "high"])
_SPENT = (3.0, 30.0, 300.0)
"""Requests a day from which an account is of the next tier."""


def signup_columns(rows: Rows) -> dict[str, pa.Array]:
    """Contact and sign-up columns of the accounts table, without the times."""
    keys = rows["key"]
    n, own = len(rows), mix(keys, 40)
    has_org = rows["org"] != 0
    firm = pc.binary_join_element_wise(handles(mix(rows["org"], 41)), "works", "-")
    domain = pc.binary_join_element_wise(firm, ".example", "")
    mail_domain = pc.if_else(
        pa.array(has_org), domain, _MAIL.take(pa.array(pick(mix(own, 1), len(_MAIL))))
    )
    mail = pc.binary_join_element_wise(handles(rows["handle"]), mail_domain, "@")
    signup = mix(
        rows["site"],
        pick(mix(own, 7), 4).astype(np.uint64) % np.maximum(rows["addresses"], 1).astype(np.uint64),
    )
    net = network(rows, signup, 0)
    return {
        "email": _gap(mail, own, 2, 0.04),
        "phone": _gap(hexadecimal_digits(mix(own, 3)), own, 4, 0.6),
        "payment_fingerprint": _gap(hexadecimal(rows["card"], "card_", 4), own, 5, 0.12),
        "organization_name": pc.if_else(pa.array(has_org), firm, pa.scalar(None, pa.string())),
        "domain": pc.if_else(pa.array(has_org), domain, pa.scalar(None, pa.string())),
        "signup_ip": _gap(net.ip, own, 8, 0.06),
        "device_fingerprint": _gap(hexadecimal(rows["device"], "dev_", 4), own, 9, 0.2),
        "country": pa.array(COUNTRIES).take(pa.array(rows["country"].astype(np.int64))),
        "access_path": pa.array(PATHS).take(pa.array(rows["path"].astype(np.int64))),
        "spend_tier": _gap(_TIERS.take(pa.array(np.digitize(rows["rate"], _SPENT))), own, 11, 0.05),
        "verified": pa.array(rows["verified"], mask=unit(mix(own, 10)) < 0.05),
        "authorized_use": pa.array(
            np.array(AUTHORIZED, dtype=object)[rows["authorized"]],
            pa.string(),
            mask=rows["authorized"] == 0,
        ),
        "organization_id": pc.if_else(
            pa.array(has_org & (np.arange(n) >= 0)),
            hexadecimal(rows["org"], "org_", 2),
            pa.scalar(None, pa.string()),
        ),
    }


def hexadecimal_digits(keys: Keys) -> pa.StringArray:
    """Write telephone numbers under the unassigned country code 999."""
    parts = [_DECIMAL.take(pa.array(10_000 + pick(mix(keys, i), 50_000))) for i in range(2)]
    return pc.binary_join_element_wise("+999", *parts, "")


def _gap(values: pa.Array, keys: Keys, salt: int, share: float) -> pa.Array:
    """Blank a share of the rows, whoever they belong to."""
    return pc.if_else(pa.array(unit(mix(keys, salt)) < share), pa.scalar(None, values.type), values)
