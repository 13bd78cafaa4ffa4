"""Keys: what accounts may have in common, from their profiles and from their sign-up records.

``KINDS`` is the whole table. A kind is content (what is asked), infrastructure (from where) or
sign-up (by whom). Kinds differ in how much one shared key may count; how rare the key is in this
very log decides the rest (see ``compare``), so there is no list of known hubs.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stillwatch.campaigns.streams import Streams
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import EMPTY
from stillwatch.profiles.hashing import hash_strings, mix64
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.network import hash_networks

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

_REPEATED = 3  # an opening or closing counts as a template from this many sampled events on


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of key."""

    name: str
    noun: str
    """For sentences: "accounts share {noun}"."""
    sort: Literal["content", "infrastructure", "sign-up"]
    most: float
    """Nats this kind may contribute to a link, however much is shared."""
    of_profiles: Callable[[Profiles], Hashes] | None = None
    """Profiles -> hashes (p, k), 0 where none. The first kind comes from the streams."""
    of_accounts: Callable[[pa.Table], Hashes] | None = None
    """Account records -> hashes (p, k), 0 where none."""


def _tally(name: str) -> Callable[[Profiles], Hashes]:
    def hashes(profiles: Profiles) -> Hashes:
        keys = profiles[f"{name}_key"]
        return np.where(keys == EMPTY, np.uint64(0), keys)

    return hashes


def _repeated(field: str) -> Callable[[Profiles], Hashes]:
    """The most frequent opening (closing) of each sample, where it is frequent enough."""

    def hashes(profiles: Profiles) -> Hashes:
        top = np.zeros((profiles.size, 1), dtype=np.uint64)
        _most_frequent(profiles[f"sample_{field}"], sampled(profiles), _REPEATED, top)
        return top

    return hashes


@njit(nogil=True, cache=True)
def _most_frequent(values, sizes, least, top):  # type: ignore[no-untyped-def]
    """The most frequent of ``values[p, :sizes[p]]``, the first of equals, if it is frequent."""
    own = np.empty(values.shape[1], values.dtype)
    for p in range(sizes.size):
        own[:] = values[p]  # side by side, so that several are compared at once
        best = least - 1
        for a in range(sizes[p]):
            count = 0
            for b in range(sizes[p]):
                count += own[a] == own[b]
            if count > best:
                best = count
                top[p, 0] = own[a]


def _column(name: str) -> Callable[[pa.Table], Hashes]:
    def hashes(accounts: pa.Table) -> Hashes:
        return hash_strings(pc.utf8_lower(_flat(accounts, name)))[:, None]

    return hashes


def _email_pattern(accounts: pa.Table) -> Hashes:
    """E-mail addresses with plus-tags dropped and digits masked: ``ann.7f3+x@y`` -> ``ann.#f#@y``."""
    email = pc.utf8_lower(_flat(accounts, "email"))
    email = pc.replace_substring_regex(email, pattern=r"\+[^@]*", replacement="")
    return hash_strings(pc.replace_substring_regex(email, pattern=r"[0-9]+", replacement="#"))[
        :, None
    ]


def _signup_network(accounts: pa.Table) -> Hashes:
    return hash_networks(_flat(accounts, "signup_ip"))[:, None]


def _signup_hour(accounts: pa.Table) -> Hashes:
    """The hour of sign-up and the half hour's neighbour, so that a burst across the hour meets."""
    micros = pc.cast(_flat(accounts, "created_at"), pa.int64())
    known = pc.is_valid(micros).to_numpy(zero_copy_only=False)
    half_hours = pc.fill_null(micros, 0).to_numpy(zero_copy_only=False) // 1_800_000_000
    pair = np.column_stack([half_hours // 2 * 2, (half_hours + 1) // 2 * 2 - 1]).astype(np.uint64)
    return np.where(known[:, None], pair + np.uint64(1 << 40), np.uint64(0))


def _flat(accounts: pa.Table, name: str) -> pa.Array:
    return accounts.column(name).combine_chunks()


KINDS: tuple[Kind, ...] = (
    Kind("skeleton", "a scaffold of their prompts", "content", 9.0),
    Kind("opening", "an opening used again and again", "content", 5.0, _repeated("template")),
    Kind("closing", "a closing used again and again", "content", 5.0, _repeated("closing")),
    Kind("prompt", "identical long prompts", "content", 3.0, _tally("prompts")),
    Kind("address", "network addresses", "infrastructure", 6.0, _tally("addresses")),
    Kind("network", "address blocks", "infrastructure", 4.0, _tally("networks")),
    Kind("tls", "a TLS fingerprint", "infrastructure", 3.0, _tally("tls")),
    Kind("agent", "a user agent", "infrastructure", 3.0, _tally("agents")),
    Kind("system", "a system prompt", "infrastructure", 3.0, _tally("systems")),
    Kind("payment", "a payment instrument", "sign-up", 8.0, None, _column("payment_fingerprint")),
    Kind("device", "a device", "sign-up", 8.0, None, _column("device_fingerprint")),
    Kind("phone", "a telephone number", "sign-up", 8.0, None, _column("phone")),
    Kind("email", "a pattern of e-mail addresses", "sign-up", 6.0, None, _email_pattern),
    Kind("domain", "a web domain", "sign-up", 4.0, None, _column("domain")),
    Kind("signup_network", "the network of sign-up", "sign-up", 4.0, None, _signup_network),
    Kind("signup_hour", "the hour of sign-up", "sign-up", 2.0, None, _signup_hour),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of all accounts that at least two and not too many accounts hold."""

    starts: npt.NDArray[np.int64]
    """Row i's keys are ``keys[starts[i]:starts[i + 1]]``, sorted; shape (p + 1,)."""
    keys: npt.NDArray[np.uint64]
    kinds: npt.NDArray[np.uint8]
    """Index into ``KINDS`` of each key."""
    holders: npt.NDArray[np.int64]
    """How many accounts hold each key."""


def collect(
    profiles: Profiles,
    accounts: pa.Table | None,
    hub_share: float,
    streams: Streams,
    members: npt.NDArray[np.int64],
) -> Keys:
    """Keys that the accounts ``members`` hold, with all their holders in the log.

    ``accounts`` is aligned with ``profiles`` (same rows) or None; skeletons are those of the
    ``streams``. Keys that more than ``hub_share`` of all accounts hold (or one account alone) say
    nothing and are dropped. ``definitions.shared_keys`` says the same as relations.
    """
    chosen = np.zeros(profiles.size, dtype=np.bool_)
    chosen[members] = True
    most = max(20.0, hub_share * profiles.size)

    def of_kind(number: int) -> tuple[npt.NDArray[np.generic], ...]:
        row, key = holding(number, profiles, accounts, streams)
        wanted = np.unique(key[chosen[row]])
        row, place, count = _holders(row, key, wanted)
        telling = (count[place] >= 2) & (count[place] <= most)
        kinds = np.full(int(telling.sum()), number, dtype=np.uint8)
        told = salted(wanted[place[telling]].astype(np.uint64), number)
        return row[telling], told, kinds, count[place[telling]]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(of_kind, range(len(KINDS))))
    row, key, kind_of, count = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((key, row))
    starts = np.searchsorted(row[order], np.arange(profiles.size + 1))
    return Keys(starts, key[order], kind_of[order], count[order])


def holding(
    number: int, profiles: Profiles, accounts: pa.Table | None, streams: Streams
) -> tuple[Ints, npt.NDArray[np.unsignedinteger]]:
    """Who holds which keys of a kind: rows, ascending, and keys."""
    if number == 0:
        return np.repeat(streams.owner, np.diff(streams.key_starts)), streams.keys
    hashes = _hashes(KINDS[number], profiles, accounts)
    row, column = np.nonzero(hashes)
    return row, hashes[row, column]


@njit(nogil=True, cache=True)
def _holders(row, key, wanted):  # type: ignore[no-untyped-def]
    """Who holds which of the ``wanted`` keys: row and number of the key, and holders of each key.

    Rows ascend; a key that one row holds twice (in two streams) counts once.
    """
    slots = 1024
    while slots < 2 * wanted.size:
        slots *= 2
    table = np.full(slots, -1, np.int64)
    for i in range(wanted.size):
        at = np.int64(mix64(wanted[i])) & (slots - 1)
        while table[at] >= 0:
            at = (at + 1) & (slots - 1)
        table[at] = i
    holder, number = np.empty(row.size, np.int64), np.empty(row.size, np.int64)
    count, last = np.zeros(wanted.size, np.int64), np.full(wanted.size, -1, np.int64)
    n = 0
    for i in range(row.size):
        at = np.int64(mix64(key[i])) & (slots - 1)
        while table[at] >= 0 and wanted[table[at]] != key[i]:
            at = (at + 1) & (slots - 1)
        found = table[at]
        if found >= 0 and last[found] != row[i]:
            holder[n], number[n] = row[i], found
            last[found] = row[i]
            count[found] += 1
            n += 1
    return holder[:n].copy(), number[:n].copy(), count


def _hashes(kind: Kind, profiles: Profiles, accounts: pa.Table | None) -> Hashes:
    if kind.of_profiles is not None:
        return kind.of_profiles(profiles)
    if accounts is not None and kind.of_accounts is not None:
        return kind.of_accounts(accounts)
    return np.zeros((profiles.size, 1), dtype=np.uint64)  # not observed


def salted(hashes: Hashes, number: int) -> Hashes:
    """Equal hashes of different kinds must not meet; the same multiply-mix as SplitMix64's."""
    mixed = hashes ^ np.uint64((number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(mixed ^ (mixed >> np.uint64(27)))
