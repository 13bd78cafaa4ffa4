"""Content negotiation of TAXII 2.1 (section 1.6.8, RFC 9110 section 12.5.1).

Rules: there is one thing to serve, so the only question is whether a client takes it. The most
specific range that fits decides; among those the highest weight. No version means any version.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

TYPE: Final = "application/taxii+json"
VERSION: Final = "2.1"
STIX: Final = "application/stix+json;version=2.1"
_PART: Final = re.compile(r'(?:[^,;"]|"(?:[^"\\]|\\.)*")+|[,;]')
_WEIGHT: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def acceptable(headers: Sequence[str]) -> bool:
    """Whether a client that sends these ``Accept`` headers takes TAXII 2.1; none takes all."""
    if not any(header.strip() for header in headers):
        return True
    best: tuple[int, float] = (-1, 0.0)
    for media, parameters in _ranges(",".join(headers)):
        fits = _specificity(media, parameters)
        weight = _weight(parameters.get("q", "1"))
        if fits is not None and weight is not None:
            best = max(best, (fits, weight))
    return best[1] > 0


def is_taxii(header: str | None) -> bool:
    """Whether a ``Content-Type`` says TAXII 2.1."""
    found = list(_ranges(header or ""))
    if len(found) != 1:
        return False
    media, parameters = found[0]
    return media == TYPE and parameters.get("version", VERSION) == VERSION


def _specificity(media: str, parameters: dict[str, str]) -> int | None:
    if media == "*/*":
        return 0
    if media == "application/*":
        return 1
    if media != TYPE:
        return None
    if "version" not in parameters:
        return 2
    return 3 if parameters["version"] == VERSION else None


def _weight(text: str) -> float | None:
    return float(text) if _WEIGHT.fullmatch(text) else None


def _ranges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Media ranges of a header with their parameters, names in lower case, quotes undone."""
    parts: list[str] = []
    for token in [*_PART.findall(header), ","]:
        if token == ",":
            if any(part.strip() for part in parts):
                yield _range(parts)
            parts = []
        elif token != ";":
            parts.append(token.strip())


def _range(parts: list[str]) -> tuple[str, dict[str, str]]:
    parameters = {}
    for part in parts[1:]:
        name, _, value = part.partition("=")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        parameters.setdefault(name.strip().lower(), value)
    return parts[0].lower().replace(" ", ""), parameters
