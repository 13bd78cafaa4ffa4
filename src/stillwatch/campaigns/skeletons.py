"""What labs can compare of a job without showing its wording: bands and rare prompts.

A job that is spread over several providers keeps its scaffold, and often its prompts. Both become
values that are equal wherever the same was seen: wording alone decides them, no seed, no figure of
a lab and no other account.

    skeleton     shingles that a share of a group's different scaffolded prompts hold
    band         128 bits of eight MinHash minima of a skeleton (Broder 1997): skeletons of Jaccard
                 likeness J have a band in common with chance J^8 (Leskovec et al. 2014, ch. 3)
    SHARES       a shingle whose share is near the one that is asked for is in the skeleton here and
                 not there, so there is a wide skeleton and a firm one, each with bands of its own
    rare prompts the smallest hashes among a group's long prompts, so that samples of labs coincide

The guards alone look at other accounts. A band whose eight shingles many unsuspected accounts hold
is everyday language or a framework; a prompt that several have sent is a benchmark, or went viral.
Both are left out and counted.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from stillwatch.campaigns.lookup import place_of, table_of
from stillwatch.campaigns.streams import Ints, Streams
from stillwatch.profiles.fields import EMPTY, NO_SHINGLE, SAMPLE, SKETCH
from stillwatch.profiles.hashing import mix64
from stillwatch.profiles.merge import Profiles

Shingles = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]

BANDS, ROWS = 16, 8
SHARES = (0.3, 0.5)
"""Share of a group's prompts from which a shingle belongs to its wide and to its firm skeleton."""
FEWEST = 4
"""Shingles of a skeleton; fewer are a turn of everyday language."""
PROMPTS = 64
"""Rare prompts of a group that are told, at most."""

_OTHERS = 5  # unsuspected accounts that may hold a band however small the group
_ASKED = 1  # unsuspected accounts that may have sent a prompt


@dataclass(frozen=True, slots=True)
class Marks:
    """What may be compared of one group."""

    bands: tuple[bytes, ...] = ()
    """16 bytes each, salted by the number of the band: equal bands are equal bytes."""
    prompts: tuple[bytes, ...] = ()
    """Hashes of long prompts, 8 bytes each, the smallest first."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the guards kept back."""

    bands: int = 0
    """Bands that many unsuspected accounts hold."""
    prompts: int = 0
    """Prompts that unsuspected accounts sent, too."""
    thin: int = 0
    """Groups whose skeleton is too short for bands."""


@dataclass(frozen=True, slots=True)
class _Sketch:
    """Bands, and what decided them."""

    bands: tuple[bytes, ...]
    shingles: Shingles
    """Shingles that gave the minima of each band, shape (len(bands), ROWS)."""


def skeletons(profiles: Profiles, streams: Streams, group: Ints) -> tuple[Shingles, ...]:
    """The skeletons of a group of streams, the widest first."""
    row, slot = streams.events(group)
    return skeletons_of(
        profiles["sample_prompt"][row, slot], profiles["sample_shingles"][row, slot]
    )


def skeletons_of(
    prompts: npt.NDArray[np.unsignedinteger], sketches: Shingles
) -> tuple[Shingles, ...]:
    """The skeletons of some requests: ``prompts`` are hashes (n,), ``sketches`` shingles (n, SKETCH).

    Each different prompt counts once; shingles ascend.
    """
    _, first = np.unique(prompts, return_index=True)
    held = sketches[first]
    shingles, counts = np.unique(held[held != NO_SHINGLE], return_counts=True)
    return tuple(shingles[counts >= max(2.0, share * first.size)] for share in SHARES)


def bands_of(parts: Sequence[Shingles]) -> tuple[bytes, ...]:
    """Bands of skeletons, BANDS of 16 bytes for each that has ``FEWEST`` shingles.

    >>> once = np.arange(20, dtype=np.uint32)
    >>> len(set(bands_of([once]))), bands_of([once]) == bands_of([once[::-1]]), bands_of([once[:3]])
    (16, True, ())
    """
    return _sketch(parts).bands


def rare_prompts(profiles: Profiles, rows: Ints) -> tuple[bytes, ...]:
    """Hashes of the long prompts of some accounts with the smallest hashes, at most ``PROMPTS``.

    A profile keeps the smallest of each account, so these are the smallest of all they sent.
    """
    kept = np.unique(profiles["prompts_key"][rows])[: PROMPTS + 1]
    return _bytes(kept[kept != EMPTY][:PROMPTS])


def marks_of(
    profiles: Profiles, streams: Streams, groups: Sequence[Ints]
) -> tuple[list[Marks], LeftOut]:
    """What may be compared of each of the suspected ``groups`` of streams, after the guards."""
    rows = [np.unique(streams.owner[group]) for group in groups]
    others = np.ones(profiles.size, dtype=np.bool_)
    others[np.concatenate([np.empty(0, np.int64), *rows])] = False
    sketches = [_sketch(skeletons(profiles, streams, group)) for group in groups]
    common = _common_bands(profiles, others, sketches, [part.size for part in rows])
    asked = [rare_prompts(profiles, part) for part in rows]
    known = _common_prompts(profiles, others, asked)
    told = [
        Marks(
            tuple(band for band in sketch.bands if band not in spread),
            tuple(prompt for prompt in prompts if prompt not in known),
        )
        for sketch, spread, prompts in zip(sketches, common, asked, strict=True)
    ]
    left = LeftOut(
        sum(map(len, common)),
        sum(len(prompts) for prompts in asked) - sum(len(marks.prompts) for marks in told),
        sum(not sketch.bands for sketch in sketches),
    )
    return told, left


def _sketch(parts: Sequence[Shingles]) -> _Sketch:
    bands, shingles = list[bytes](), [np.empty((0, ROWS), np.uint32)]
    for which, part in enumerate(parts):
        distinct = np.unique(part)
        if distinct.size < FEWEST:
            continue
        least, places = _minima(distinct)
        for number, row in enumerate(least.astype("<u8").reshape(BANDS, ROWS)):
            salt = bytes([which * BANDS + number])
            bands.append(_hashed(row.tobytes(), salt))
        shingles.append(distinct[places].reshape(BANDS, ROWS))
    return _Sketch(tuple(bands), np.concatenate(shingles))


def _hashed(minima: bytes, salt: bytes) -> bytes:
    return hashlib.blake2b(minima, digest_size=16, salt=salt, person=b"band").digest()


@njit(nogil=True, cache=True)
def _minima(shingles):  # type: ignore[no-untyped-def]
    """The least of each of BANDS x ROWS hashes over the ``shingles``, and where it is."""
    least = np.full(BANDS * ROWS, 0xFFFFFFFFFFFFFFFF, np.uint64)
    places = np.zeros(least.size, np.int64)
    for r in range(least.size):
        salt = mix64(uint64(r + 1))
        for at in range(shingles.size):
            value = mix64((uint64(shingles[at]) << uint64(32) | uint64(shingles[at])) ^ salt)
            if value < least[r]:
                least[r], places[r] = value, at
    return least, places


def _common_bands(
    profiles: Profiles,
    others: npt.NDArray[np.bool_],
    sketches: Sequence[_Sketch],
    sizes: Sequence[int],
) -> list[set[bytes]]:
    """The bands of each sketch that too many of the ``others`` hold: more than the group itself."""
    parts = np.concatenate([np.empty((0, ROWS), np.uint32), *(s.shingles for s in sketches)])
    keys, places = np.unique(parts, return_inverse=True)
    samples, rows = profiles["sample_shingles"], np.flatnonzero(others)
    held = _holders(samples, rows, table_of(keys), keys.size, places.reshape(parts.shape))
    found, start = [], 0
    for sketch, size in zip(sketches, sizes, strict=True):
        counts = held[start : start + len(sketch.bands)].tolist()
        most = max(_OTHERS, size)
        found.append({b for b, n in zip(sketch.bands, counts, strict=True) if n > most})
        start += len(sketch.bands)
    return found


@njit(nogil=True, cache=True)
def _holders(samples, rows, table, keys, bands):  # type: ignore[no-untyped-def]
    """How many of the accounts ``rows`` hold all shingles of each band, anywhere in their sample.

    Only bands whose first shingle an account holds are looked at: few are.
    """
    out = np.zeros(bands.shape[0], np.int64)
    order = np.argsort(bands[:, 0])
    starts = np.searchsorted(bands[:, 0][order], np.arange(keys + 1))
    held = np.zeros(keys, np.bool_)
    met = np.empty(keys, np.int64)
    for row in rows:
        n = 0
        for e in range(SAMPLE):
            for s in range(SKETCH):
                if samples[row, e, s] == NO_SHINGLE:
                    break
                at = place_of(table, samples[row, e, s])
                if at >= 0 and not held[at]:
                    held[at] = True
                    met[n] = at
                    n += 1
        for at in met[:n]:
            for band in order[starts[at] : starts[at + 1]]:
                whole = True
                for place in bands[band]:
                    whole &= held[place]
                out[band] += whole
        for at in met[:n]:
            held[at] = False
    return out


def _common_prompts(
    profiles: Profiles, others: npt.NDArray[np.bool_], asked: Sequence[tuple[bytes, ...]]
) -> set[bytes]:
    """Prompts of the groups that more than ``_ASKED`` of the ``others`` sent."""
    keys = np.unique(np.frombuffer(b"".join(p for part in asked for p in part), ">u8")).astype("u8")
    if not keys.size:
        return set()
    sent = profiles["prompts_key"][others].ravel()
    at = np.minimum(np.searchsorted(keys, sent), keys.size - 1)
    counts = np.bincount(at[keys[at] == sent], minlength=keys.size)
    return set(_bytes(keys[counts > _ASKED]))


def _bytes(hashes: Hashes) -> tuple[bytes, ...]:
    return tuple(int(value).to_bytes(8, "big") for value in hashes.tolist())
