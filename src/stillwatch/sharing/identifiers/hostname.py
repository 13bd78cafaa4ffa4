"""Host names as the DNS knows them, and the registrable domain within one.

Rules: IDNA 2008 with the mapping of UTS 46, non-transitional (``ß`` and joiners keep their own
meaning), to A-labels in lower case; one trailing dot goes; a joiner that IDNA's context rules
forbid is dropped as any other invisible character. The public suffix list is the one bundled
with tldextract, its private section counted; nothing is fetched and no cache is written.
"""

import re
from functools import cache, lru_cache
from typing import Final

import idna
import tldextract

_LABEL: Final = re.compile("[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_DOTS: Final = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_CACHED: Final = 1 << 16
MAX_HOST: Final = 253
DOCUMENTATION_DOMAINS: Final = frozenset({"example.com", "example.net", "example.org"})
REHEARSAL_TLDS: Final = frozenset({"example", "test", "invalid"})
"""Nobody holds a name under them (RFC 6761), so one is whatever members agree that it is."""


@lru_cache(_CACHED)
def a_labels(text: str) -> str | None:
    """The name in A-labels without a trailing dot, or None if no DNS name is written so.

    A label may hold ``_``, as names of services do; a registrable domain never has it.
    """
    name = text.translate(_DOTS).removesuffix(".")
    if not name or len(name) > 4 * MAX_HOST:
        return None
    if name.isascii() and "xn--" not in (small := name.lower()):
        return small if _is_dns(small) else None
    found = _encoded(name)
    if found is None and ("\u200c" in name or "\u200d" in name):
        found = _encoded(name.replace("\u200c", "").replace("\u200d", ""))
    return found


def _encoded(name: str) -> str | None:
    try:
        mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
        labels = [_a_label(label) for label in mapped.removesuffix(".").split(".")]
    except (idna.IDNAError, UnicodeError, ValueError):
        return None
    host = ".".join(labels)
    return host if _is_dns(host) else None


def _a_label(label: str) -> str:
    if label.startswith("xn--"):  # as given it may be no A-label, or another one's spelling
        return idna.encode(idna.decode(label), strict=True).decode()
    return label if label.isascii() else idna.encode(label, strict=True).decode()


def _is_dns(host: str) -> bool:
    if len(host) > MAX_HOST:
        return False
    return all(_LABEL.fullmatch(label) for label in host.split("."))


@cache
def _extractor() -> tldextract.TLDExtract:
    return tldextract.TLDExtract(
        cache_dir=None,
        suffix_list_urls=(),
        fallback_to_snapshot=True,
        include_psl_private_domains=True,
    )


@lru_cache(_CACHED)
def registrable(host: str) -> tuple[str, str]:
    """The registrable domain of a name in A-labels and its public suffix; each ``""`` if none.

    A name under no known suffix has neither; a suffix itself has no registrable domain.
    """
    found = _extractor().extract_str(host)
    if not found.suffix:
        return "", ""
    return f"{found.domain}.{found.suffix}" if found.domain else "", found.suffix


def is_documentation(host: str) -> bool:
    """Whether a name in A-labels is under a domain that strangers type (RFC 2606, section 3)."""
    return ".".join(host.rsplit(".", 2)[-2:]) in DOCUMENTATION_DOMAINS
