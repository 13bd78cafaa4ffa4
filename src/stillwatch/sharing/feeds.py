"""What others publish without signing it: any TAXII 2.1 server, or a STIX bundle in a file.

Rules
    * What comes this way is a lead, kept apart as unsigned: whatever it says of itself, it weighs
      nothing as evidence.
    * Each page is kept before the next is asked for, with how far it reached: an import that was cut
      off goes on there. The instant is asked for once more, because a server may give several
      objects the same one; what is there already is not kept twice.
    * An object that is not sound STIX is counted by what is wrong with it, never kept.
    * A server that says "more" without a way on, or repeats itself, ends the import.

Source: TAXII 2.1 sections 3.4 (paging), 4 (discovery), 5 (collections).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson

from stillwatch.errors import EmptyInput, InputError, PeerError
from stillwatch.intel.ids import CLAIM, stated_kind
from stillwatch.intel.objects import check, format_time, parse_time, version_of
from stillwatch.intel.stix import is_claim
from stillwatch.sharing.fetch import BOUNDS, Answer, Bounds, Fetcher, shown
from stillwatch.store import inbox
from stillwatch.store.database import Store
from stillwatch.store.inbox import Received

ACCEPT: Final = "application/taxii+json;version=2.1"
UNLOGGED: Final = -1
_PAGE: Final = "1000"
_REACHED: Final = "added_after"
_LAST: Final = "x-taxii-date-added-last"
_IDENTITY: Final = re.compile(r"identity--[0-9a-fA-F-]{36}")


@dataclass
class Imported:
    """What came of an import."""

    source: str
    seen: int = 0
    """Objects that the source sent."""
    new: int = 0
    """Of them, those not kept before."""
    unsound: Counter[str] = field(default_factory=Counter)
    """Objects that were not kept, by what is wrong with them."""


def import_file(path: Path, store: Store, bounds: Bounds = BOUNDS) -> Imported:
    """Keep the objects of a bundle file. Raises ``InputError``."""
    try:
        with path.open("rb") as file:
            text = file.read(bounds.file_bytes + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    if len(text) > bounds.file_bytes:
        raise InputError(f"{path} has more than {bounds.file_bytes:,} bytes", hint="split it")
    try:
        bundle = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is no JSON: {error}") from error
    objects = bundle.get("objects") if isinstance(bundle, dict) else None
    if not isinstance(bundle, dict) or bundle.get("type") != "bundle":
        raise InputError(f"{path} is no STIX bundle", hint='it needs "type": "bundle"')
    if not isinstance(objects, list) or not objects:
        raise EmptyInput(f"{path} holds no objects")
    done = Imported(path.name)
    _keep(store, done, objects, "", bounds, None)
    return done


def import_collection(
    fetcher: Fetcher,
    url: str,
    collection: str,
    store: Store,
    tell: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    """Keep what a collection has added since the last import of it.

    ``url`` is a TAXII API root or a discovery address; ``tell`` is called after each page. Raises
    ``PeerError``; what came before stays kept, and the next import goes on from there.
    """
    source = _find(fetcher, url, collection)
    done = Imported(source)
    with store.begin() as connection:
        known = inbox.position(connection, source)
    for answer in _pages(fetcher, source, _again(known[0].get(_REACHED)) if known else None):
        body = answer.body
        objects = body.get("objects", []) if isinstance(body, dict) else None
        if not isinstance(objects, list):
            raise PeerError(f"{shown(source)} answered with something that is no TAXII envelope")
        _keep(store, done, objects, collection, fetcher.bounds, _instant(answer.headers.get(_LAST)))
        tell(done)
    return done


def _find(fetcher: Fetcher, url: str, collection: str) -> str:
    """Address of a collection, by way of the discovery if that is what ``url`` is."""
    url = f"{url.rstrip('/')}/"
    said = fetcher.get(url, ACCEPT).body
    if not isinstance(said, dict):
        raise PeerError(f"{shown(url)} is no TAXII server")
    listed = said.get("api_roots")
    if not isinstance(listed, list):
        return _collection(url, collection)
    roots = [said.get("default"), *listed]
    for root in dict.fromkeys(r for r in roots if isinstance(r, str)):
        absolute = root if "://" in root else f"{fetcher.origin}/{root.lstrip('/')}"
        address = _collection(absolute, collection)
        try:
            fetcher.get(address, ACCEPT)
        except PeerError:
            continue
        return address
    raise PeerError(
        f"{shown(url)} has no collection {shown(collection)} that we may read",
        hint="name the API root itself to see what it answers",
    )


def _collection(root: str, collection: str) -> str:
    return f"{root.rstrip('/')}/collections/{quote(collection, safe='')}/"


def _pages(fetcher: Fetcher, source: str, after: str | None) -> Iterator[Answer]:
    """Pages in the order in which their objects were added."""
    params = {"limit": _PAGE, **({"added_after": after} if after else {})}
    seen = set[tuple[tuple[str, str], ...]]()
    for _ in range(fetcher.bounds.pages):
        asked = tuple(sorted(params.items()))
        if asked in seen:
            raise PeerError(f"{shown(source)} sends us round in a circle")
        seen.add(asked)
        answer = fetcher.get(f"{source}objects/", ACCEPT, params)
        yield answer
        if not isinstance(answer.body, dict) or answer.body.get("more") is not True:
            return
        params = _onward(answer, params, source)
    raise PeerError(
        f"{shown(source)} has more than {fetcher.bounds.pages:,} pages",
        hint="what came is kept; the same command goes on from there",
    )


def _onward(answer: Answer, params: dict[str, str], source: str) -> dict[str, str]:
    """How to ask for the page after this one."""
    token, last = answer.body.get("next"), _instant(answer.headers.get(_LAST))
    if isinstance(token, str) and token:
        return {**params, "next": token}
    if last is not None:
        return {"limit": _PAGE, "added_after": last}
    raise PeerError(f"{shown(source)} says that there is more, but no way to it")


def _keep(
    store: Store,
    done: Imported,
    objects: Iterable[Any],
    collection: str,
    bounds: Bounds,
    reached: str | None,
) -> None:
    sound = list[Received]()
    for obj in objects:
        done.seen += 1
        problem = _problem(obj, bounds)
        if problem:
            done.unsound[problem] += 1
        else:
            sound.append(_received(obj, done.source, collection))
    with store.begin() as connection:
        done.new += inbox.keep(connection, sound)
        if reached is not None:
            inbox.follow(connection, done.source, {_REACHED: reached}, ())


def _problem(obj: Any, bounds: Bounds) -> str | None:
    found = check(obj)
    if found is not None:
        return found
    try:
        size = len(orjson.dumps(obj))
    except TypeError:  # the writer's limit of nesting is below the reader's
        return "it is nested too deeply"
    return f"it has more than {bounds.object_bytes:,} bytes" if size > bounds.object_bytes else None


def _received(obj: dict[str, Any], source: str, collection: str) -> Received:
    version = version_of(obj)
    return Received(
        hub=source,
        collection=collection,
        stix_id=obj["id"],
        modified="" if version is None else format_time(version, 6),
        index=UNLOGGED,
        publisher=_identity(obj.get("created_by_ref")),
        kind=_kind(obj),
        signed=False,
        body=obj,
    )


def _kind(obj: dict[str, Any]) -> str:
    """Kind of claim, or the type of what is none."""
    extension = obj["extensions"][CLAIM] if is_claim(obj) else None
    stated = stated_kind(obj["type"], extension) if isinstance(extension, dict) else None
    return stated or str(obj["type"])


def _identity(said: Any) -> str:
    """Who says that it made an object; nobody if that is no identity."""
    return said if isinstance(said, str) and _IDENTITY.fullmatch(said) else ""


def _instant(text: str | None) -> str | None:
    """A server's timestamp, if it is one."""
    try:
        return format_time(parse_time(text), 6)
    except (ValueError, OverflowError):
        return None


def _again(reached: Any) -> str | None:
    """Just before an instant that was reached, so that all its objects come."""
    try:
        return format_time(max(parse_time(reached) - 1, 0), 6)
    except (ValueError, OverflowError):
        return None
