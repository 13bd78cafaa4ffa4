"""The formats by name, and the one way into them.

>>> sorted(FORMATS)
['csv', 'misp', 'ocsf', 'stix']
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stillwatch.domain.claim import Tlp
from stillwatch.errors import ConfigError, EmptyInput
from stillwatch.intel.bundle import write_bundle
from stillwatch.intel.exports import misp, ocsf, table
from stillwatch.intel.exports.items import Item, claims, leaving
from stillwatch.intel.stix import is_claim


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an export."""

    written: int
    stays: Mapping[str, int]
    """How many were not written, by reason."""


def export(name: str, path: Path, items: Iterable[Item], up_to: Tlp = Tlp.AMBER_STRICT) -> Outcome:
    """Write what may be written in a format: a file, or for MISP a folder.

    Raises ``ConfigError`` for an unknown format, ``EmptyInput`` if nothing may be written, and
    ``InputError`` for a place that cannot be written to.
    """
    if name not in FORMATS:
        raise ConfigError(f"no format {name!r}", hint=f"known: {', '.join(sorted(FORMATS))}")
    kept, stays = leaving(items, up_to)
    written, more = FORMATS[name](path, kept)
    stays += more
    if not written:
        told = "".join(f"; {count}: {reason}" for reason, count in stays.items())
        raise EmptyInput(f"nothing to export{told}", hint=f"{path} was left as it was")
    return Outcome(written, dict(stays))


def _stix(path: Path, items: Sequence[Item]) -> tuple[int, Counter[str]]:
    """A bundle of the objects as they came; what says it is a claim must be one."""
    stays = Counter[str]()
    said = claims([item for item in items if is_claim(item.obj)], stays)
    others = [item.obj for item in items if not is_claim(item.obj)]
    objects = [*(one.item.obj for one in said), *others]
    if objects:
        write_bundle(path, objects)
    return len(objects), stays


FORMATS: Final[Mapping[str, Callable[[Path, Sequence[Item]], tuple[int, Counter[str]]]]] = {
    "csv": table.write,
    "misp": misp.write,
    "ocsf": ocsf.write,
    "stix": _stix,
}
