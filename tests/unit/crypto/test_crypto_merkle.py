"""The Certificate Transparency reference tree, and laws over random trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    subtrees,
    verify_consistency,
    verify_inclusion,
)
from stillwatch.errors import NotTrusted

# Leaves, roots and proofs as published in transparency-dev/merkle, proof/verify_test.go.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {  # (index, size): proof
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {  # (old, size): proof
    (1, 1): [],
    (1, 8): INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def test_the_empty_tree():
    assert Frontier().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots(size):
    assert Frontier().extend(HASHES[:size]).root().hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_published_inclusion_proofs(index, size):
    proof = inclusion_proof(subtrees(HASHES), index, size)
    assert [node.hex() for node in proof] == INCLUSION[index, size]
    verify_inclusion(HASHES[index], index, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "size"), CONSISTENCY)
def test_the_published_consistency_proofs(old, size):
    proof = consistency_proof(subtrees(HASHES), old, size)
    assert [node.hex() for node in proof] == CONSISTENCY[old, size]
    roots = [bytes.fromhex(root) for root in ROOTS]
    verify_consistency(old, size, proof, roots[old - 1], roots[size - 1])


def tree(size: int, salt: int = 0) -> list[bytes]:
    return [leaf_hash(salt.to_bytes(4, "big") + i.to_bytes(4, "big")) for i in range(size)]


def root_of(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as written there."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(root_of(leaves[:k]), root_of(leaves[k:]))


@given(st.integers(0, 70), st.lists(st.integers(0, 30), max_size=12))
def test_extending_in_any_chunks_equals_appending_one_by_one(start, chunks):
    leaves = tree(start + sum(chunks))
    chunked = Frontier().extend(leaves[:start])
    at = start
    for chunk in chunks:
        chunked = chunked.extend(leaves[at : at + chunk])
        at += chunk
        assert chunked.root() == root_of(leaves[:at])
    single = Frontier()
    for leaf in leaves:
        single = single.append(leaf)
    assert chunked == single


@given(st.data())
def test_every_inclusion_proof_verifies_and_no_altered_one_does(data):
    size = data.draw(st.integers(1, 90))
    index = data.draw(st.integers(0, size - 1))
    leaves = tree(size)
    root = root_of(leaves)
    proof = inclusion_proof(subtrees(leaves), index, size)
    verify_inclusion(leaves[index], index, size, proof, root)

    bit = data.draw(st.integers(0, 256 * (len(proof) + 2) - 1))
    altered = [leaves[index], root, *proof]
    altered[bit // 256] = _flip(altered[bit // 256], bit % 256)
    with pytest.raises(NotTrusted):
        verify_inclusion(altered[0], index, size, altered[2:], altered[1])
    for wrong in (proof[:-1], [*proof, root], [root, *proof]):
        if wrong != proof:
            with pytest.raises(NotTrusted):
                verify_inclusion(leaves[index], index, size, wrong, root)


@given(st.data())
def test_every_consistency_proof_verifies_and_no_altered_one_does(data):
    size = data.draw(st.integers(2, 90))
    old = data.draw(st.integers(1, size - 1))
    leaves = tree(size)
    before, after = root_of(leaves[:old]), root_of(leaves)
    proof = consistency_proof(subtrees(leaves), old, size)
    verify_consistency(old, size, proof, before, after)

    bit = data.draw(st.integers(0, 256 * (len(proof) + 2) - 1))
    altered = [before, after, *proof]
    altered[bit // 256] = _flip(altered[bit // 256], bit % 256)
    with pytest.raises(NotTrusted):
        verify_consistency(old, size, altered[2:], altered[0], altered[1])
    for wrong in (proof[:-1], [*proof, after], [], [before, *proof]):
        if wrong != proof:
            with pytest.raises(NotTrusted):
                verify_consistency(old, size, wrong, before, after)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 39))
def test_a_tree_with_another_past_is_not_consistent(old, more, changed):
    size, changed = old + more, changed % old
    leaves = tree(size)
    forked = [*leaves[:changed], leaf_hash(b"other"), *leaves[changed + 1 :]]
    proof = consistency_proof(subtrees(forked), old, size)
    with pytest.raises(NotTrusted, match="extend"):
        verify_consistency(old, size, proof, root_of(leaves[:old]), root_of(forked))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (8, 8)])
def test_there_is_no_proof_for_a_leaf_outside_the_tree(index, size):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(subtrees(HASHES), index, size)
    with pytest.raises(NotTrusted, match="no leaf"):
        verify_inclusion(HASHES[0], index, size, [], EMPTY_ROOT)


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_consistency_proof_backwards(old, size):
    with pytest.raises(ValueError, match="no tree"):
        consistency_proof(subtrees(HASHES), old, size)
    with pytest.raises(NotTrusted, match="cannot extend"):
        verify_consistency(old, size, [], EMPTY_ROOT, EMPTY_ROOT)


def test_equal_sizes_need_equal_roots_and_no_proof():
    a, b = HASHES[:2]
    with pytest.raises(NotTrusted, match="two different trees of 2"):
        verify_consistency(2, 2, [], a, b)
    with pytest.raises(NotTrusted, match="two different trees of 2"):
        verify_consistency(2, 2, [a], a, a)


def test_a_frontier_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="has 2 subtrees"):
        Frontier(3, (HASHES[0],))
    with pytest.raises(ValueError, match="32 bytes"):
        Frontier(1, (b"short",))
    with pytest.raises(NotTrusted, match="32 bytes"):
        verify_inclusion(HASHES[0], 0, 2, [b"short"], HASHES[0])


def _flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
