"""The published vectors hold, by our code and by the checker's, which shares none of it."""

import json

import pytest

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.merkle import (
    EMPTY_ROOT,
    Frontier,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from stillwatch.crypto.note import Checkpoint, Note, VerifierKey, sign_note
from stillwatch.crypto.records import claim_record, digest, key_record, tag
from stillwatch.crypto.statements import KeyRing
from stillwatch.crypto.statements import signing_input as statement_input
from stillwatch.hub.fsck.notes import PublicKey, read_checkpoint, read_cosignature, read_key
from stillwatch.hub.fsck.proofs import Keys, record_of, signed_part, tag_of, thumbprint
from stillwatch.hub.fsck.tree import Tree, hash_entry
from stillwatch.intel.signed import signature, signing_input
from tests.docs.reading import ROOT

PATH = ROOT / "docs" / "reference" / "transparency-log.json"
VECTORS = json.loads(PATH.read_text(encoding="utf-8"))
LEAVES = VECTORS["leaves"]
AUDIENCES = {a["name"]: a for a in VECTORS["audiences"]}


@pytest.mark.parametrize("name", VECTORS["keys"])
def test_keys(name):
    stated = VECTORS["keys"][name]
    key = SigningKey.from_seed(bytes.fromhex(stated["seed"]))
    assert (key.public.hex(), key.id) == (stated["public"], stated["kid"])
    assert thumbprint(key.public) == stated["kid"]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: f"leaf {leaf['index']}")
def test_leaves(leaf):
    audience = AUDIENCES[leaf["audience"]]
    if "statement" in leaf:
        record, signed = key_record(leaf["statement"]), statement_input(leaf["statement"])
        again = record_of({"key": leaf["statement"]})
    else:
        obj, collection = leaf["object"], audience["collection"]
        record, signed = claim_record(collection, obj), signing_input(obj)
        again = record_of({"collection": collection, "object": obj})
        assert signed_part(obj) == (signature(obj), signed)
    assert record == again == leaf["record"].encode()
    assert signed == leaf["signed"].encode()
    secret, index = bytes.fromhex(audience["secret"]), leaf["index"]
    assert digest(record).hex() == leaf["digest"]
    assert tag(secret, index).hex() == tag_of(secret, index).hex() == leaf["tag"]
    assert leaf["digest"] + leaf["tag"] == leaf["entry"]
    entry = bytes.fromhex(leaf["entry"])
    assert leaf_hash(entry).hex() == hash_entry(entry).hex() == leaf["leaf_hash"]


def test_roots():
    frontier, tree = Frontier(), Tree()
    assert frontier.root().hex() == tree.root().hex() == VECTORS["empty_root"] == EMPTY_ROOT.hex()
    for leaf in LEAVES:
        hash_ = bytes.fromhex(leaf["leaf_hash"])
        frontier = frontier.append(hash_)
        assert list(tree.add(hash_)) == []
        assert frontier.root().hex() == tree.root().hex() == leaf["root_with_it"]


def test_keys_and_claims_follow_one_another():
    ring, keys = KeyRing(), Keys()
    for leaf in LEAVES:
        if "statement" in leaf:
            ring = ring.apply(leaf["statement"], leaf["index"])
            keys.state(leaf["statement"], leaf["index"])
        else:
            obj = leaf["object"]
            key = ring.signer(signature(obj), obj["created_by_ref"])
            assert key.state == "active"
            keys.claim(*signed_part(obj), obj["created_by_ref"])
    assert {kid: holder.state for kid, holder in keys.by_id.items()} == {
        kid: key.state for kid, key in ring.keys.items()
    }


def test_checkpoint_and_cosignature():
    stated, log = VECTORS["checkpoint"], VECTORS["log"]
    key = SigningKey.from_seed(bytes.fromhex(VECTORS["keys"]["log"]["seed"]))
    vkey = VerifierKey.parse(log["verifier_key"])
    assert sign_note(stated["text"], log["origin"], key) == stated["note"]
    checkpoint = Checkpoint.parse(Note.parse(stated["note"]).verify(vkey))
    assert checkpoint.root.hex() == LEAVES[-1]["root_with_it"]
    assert checkpoint.size == len(LEAVES)
    seen = Note.parse(stated["note"] + stated["cosignature"])
    witness = VerifierKey.parse(stated["witness"])
    assert seen.witnesses([witness]) == {witness.name: stated["time"]}

    read = read_checkpoint(stated["note"], read_key(log["verifier_key"]))
    assert (read.size, read.root) == (checkpoint.size, checkpoint.root)
    public = PublicKey(witness.name, witness.public)
    assert read_cosignature(stated["cosignature"], stated["text"], public) == stated["time"]


def test_proofs():
    hashes = [bytes.fromhex(leaf["leaf_hash"]) for leaf in LEAVES]
    roots = [bytes.fromhex(leaf["root_with_it"]) for leaf in LEAVES]
    for stated in VECTORS["inclusion_proofs"]:
        proof = [bytes.fromhex(node) for node in stated["proof"]]
        index, size = stated["index"], stated["size"]
        verify_inclusion(hashes[index], index, size, proof, roots[size - 1])
    for stated in VECTORS["consistency_proofs"]:
        proof = [bytes.fromhex(node) for node in stated["proof"]]
        old, size = stated["from"], stated["to"]
        verify_consistency(old, size, proof, roots[old - 1], roots[size - 1])
    assert len(VECTORS["inclusion_proofs"]) == len(LEAVES)
