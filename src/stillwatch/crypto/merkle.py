"""The Merkle tree of RFC 6962 section 2.1 (unchanged in RFC 9162): roots and proofs.

A tree is known by its **frontier**: the roots of its complete subtrees, largest first, one for
each 1 in the binary form of its size. That is all that appending needs, and at most 64 hashes.
Frontiers are values: appending makes a new one.

    >>> a, b = leaf_hash(b"a"), leaf_hash(b"b")
    >>> Frontier().extend([a, b]).root() == node_hash(a, b)
    True
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from stillwatch.errors import NotTrusted

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Subtrees: TypeAlias = Callable[[int, int], bytes]
"""Root of the tree over leaves ``begin`` to ``end`` (exclusive): MTH(D[begin:end])."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of an entry, told apart from inner nodes by its first byte."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree, as far as appending and its root need it."""

    size: int = 0
    roots: tuple[bytes, ...] = ()
    """Of the complete subtrees, largest (leftmost) first."""

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.roots) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has {self.size.bit_count()} subtrees")
        if any(len(root) != HASH_BYTES for root in self.roots):
            raise ValueError("a hash has 32 bytes")

    def append(self, leaf: bytes) -> Self:
        """Add one leaf hash."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Self:
        """Add leaf hashes in order; about one hash for each."""
        roots, size = list(self.roots), self.size
        for leaf in leaves:
            node, ones = leaf, size
            while ones & 1:
                node = node_hash(roots.pop(), node)
                ones >>= 1
            roots.append(node)
            size += 1
        return type(self)(size, tuple(roots))

    def root(self) -> bytes:
        """Root of the whole tree."""
        if not self.roots:
            return EMPTY_ROOT
        node = self.roots[-1]
        for left in self.roots[-2::-1]:
            node = node_hash(left, node)
        return node


def subtrees(leaves: Sequence[bytes]) -> Subtrees:
    """Answer for any range from leaf hashes held in memory."""
    return lambda begin, end: Frontier().extend(leaves[begin:end]).root()


def inclusion_proof(mth: Subtrees, index: int, size: int) -> list[bytes]:
    """Audit path of a leaf in the tree of the first ``size`` leaves (RFC 9162, 2.1.3.1).

    Raises ``ValueError`` if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(mth(middle, end))
            end = middle
        else:
            path.append(mth(begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(mth: Subtrees, old: int, size: int) -> list[bytes]:
    """Proof that the first ``old`` leaves of the tree are those it had then (RFC 9162, 2.1.4.1).

    Raises ``ValueError`` unless 0 < old <= size.
    """
    if not 0 < old <= size:
        raise ValueError(f"no tree of {old} leaves in one of {size}")
    path: list[bytes] = []
    begin, end, known = 0, size, True
    while old < end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(mth(middle, end))
            end = middle
        else:
            path.append(mth(begin, middle))
            begin, known = middle, False
    if not known:
        path.append(mth(begin, end))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ``NotTrusted`` unless the leaf hash is at the index (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise NotTrusted(f"no leaf {index} in a tree of {size}")
    fn, sn, node = index, size - 1, leaf
    for sibling in _hashes(proof):
        if sn == 0:
            raise NotTrusted("the inclusion proof is too long")
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn or node != root:
        raise NotTrusted(f"the proof does not lead from leaf {index} to the root of {size} leaves")


def verify_consistency(
    old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> None:
    """Raise ``NotTrusted`` unless the older tree is a prefix of the newer (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= size:
        raise NotTrusted(f"a tree of {size} leaves cannot extend one of {old}")
    if old == size:
        if proof or old_root != root:
            raise NotTrusted(f"two different trees of {size} leaves")
        return
    path = _hashes(proof)
    if old & (old - 1) == 0:
        path = [old_root, *path]
    if not path:
        raise NotTrusted("the consistency proof is empty")
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise NotTrusted("the consistency proof is too long")
        if fn & 1 or fn == sn:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            after = node_hash(after, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn or before != old_root or after != root:
        raise NotTrusted(f"the tree of {size} leaves does not extend that of {old}")


def _split(size: int) -> int:
    """Largest power of two below the size: how many leaves the left subtree has."""
    return 1 << ((size - 1).bit_length() - 1)


def _hashes(proof: Sequence[bytes]) -> list[bytes]:
    if any(len(node) != HASH_BYTES for node in proof):
        raise NotTrusted("a hash of the proof has not 32 bytes")
    return list(proof)
