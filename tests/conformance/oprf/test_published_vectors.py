"""docs/reference/matching-keys.json, held against us and against integers that share no code."""

import hashlib
import json
from pathlib import Path

import pytest

from stillwatch.crypto.oprf import blind, finalize
from stillwatch.crypto.proofs import generate_proof
from stillwatch.crypto.ristretto import Scalar, times
from stillwatch.crypto.threshold import (
    KeyShare,
    Part,
    PublicShare,
    Quorum,
    check_public_shares,
    combine,
    evaluate_share,
    proof_context,
    verify_part,
)
from tests.conformance.oprf import plain_ristretto as plain

ROOT = Path(__file__).resolve().parents[3]
VECTORS = json.loads((ROOT / "docs" / "reference" / "matching-keys.json").read_text())
INPUTS = [text.encode() for text in VECTORS["inputs"]]


def hexes(values):
    return [bytes.fromhex(value) for value in values]


BLINDS, BLINDED = hexes(VECTORS["blinds"]), hexes(VECTORS["blinded"])
SHARES = {
    one["index"]: KeyShare(one["index"], Scalar(bytes.fromhex(one["secret"])))
    for one in VECTORS["shares"]
}
PARTS = [(q["quorum"], part) for q in VECTORS["quorums"] for part in q["parts"]]


def test_we_blind_as_published():
    assert blind(INPUTS, blinds=BLINDS)[1] == BLINDED
    public = [PublicShare(s["index"], bytes.fromhex(s["public"])) for s in VECTORS["shares"]]
    assert [share.public for share in SHARES.values()] == public
    check_public_shares(public, VECTORS["threshold"], bytes.fromhex(VECTORS["public_key"]))


@pytest.mark.parametrize(("text", "part"), PARTS)
def test_our_parts_and_proofs_are_those_published(text, part):
    quorum, share = Quorum.parse(text), SHARES[part["index"]]
    context = proof_context(VECTORS["epoch"], VECTORS["generation"], share.index)
    assert context.hex() == part["context"]
    assert quorum.coefficient(share.index).hex() == part["coefficient"]
    assert share.public.weighted(quorum).hex() == part["key"]
    answer = evaluate_share(share, quorum, BLINDED)
    assert list(answer.elements) == hexes(part["elements"])
    nonce, key = Scalar(bytes.fromhex(VECTORS["nonce"])), bytes.fromhex(part["key"])
    weighted = times(quorum.coefficient(share.index), share.secret)
    proof = generate_proof(weighted, key, BLINDED, answer.elements, context, nonce=nonce)
    assert proof.hex() == part["proof"]
    proven = Part(share.index, answer.elements, proof)
    verify_part(proven, share.public, quorum, BLINDED, context)


@pytest.mark.parametrize("published", VECTORS["quorums"], ids=lambda q: q["quorum"])
def test_our_outputs_are_those_published(published):
    parts = [Part(p["index"], tuple(hexes(p["elements"]))) for p in published["parts"]]
    evaluated = combine(parts, Quorum.parse(published["quorum"]))
    assert evaluated == hexes(published["evaluated"])
    assert finalize(INPUTS, BLINDS, evaluated) == hexes(VECTORS["outputs"])


# The same in plain integers


def points(values):
    return [plain.decode(value) for value in hexes(values)]


def coefficient(indices, index):
    out = 1
    for other in indices:
        if other != index:
            out = out * other * pow(other - index, -1, plain.ORDER) % plain.ORDER
    return out


@pytest.mark.parametrize(("text", "part"), PARTS)
def test_integers_give_the_same_parts(text, part):
    indices = [int(index) for index in text.split(",")]
    weight = coefficient(indices, part["index"])
    assert weight == plain.scalar(bytes.fromhex(part["coefficient"]))
    secret = weight * plain.scalar(SHARES[part["index"]].secret) % plain.ORDER
    for sent, answered in zip(points(VECTORS["blinded"]), points(part["elements"]), strict=True):
        assert plain.same(plain.multiply(secret, sent), answered)


@pytest.mark.parametrize("published", VECTORS["quorums"], ids=lambda q: q["quorum"])
def test_integers_give_the_same_sums_and_outputs(published):
    for place, evaluated in enumerate(points(published["evaluated"])):
        total = plain.ZERO
        for part in published["parts"]:
            total = plain.add(total, plain.decode(bytes.fromhex(part["elements"][place])))
        assert plain.same(total, evaluated)
        output = bytes.fromhex(VECTORS["outputs"][place])
        unblinded = bytes.fromhex(published["evaluated"][place])
        key = pow(plain.scalar(BLINDS[place]), -1, plain.ORDER)
        element = plain.encode(plain.multiply(key, plain.decode(unblinded)))
        data = INPUTS[place]
        framed = len(data).to_bytes(2) + data + (32).to_bytes(2) + element + b"Finalize"
        assert hashlib.sha512(framed).digest() == output


@pytest.mark.parametrize(("text", "part"), PARTS[:4])
def test_integers_accept_the_proof(text, part):
    """RFC 9497, section 2.2.2, under the context of the page."""
    context, framed = bytes.fromhex(part["context"]), lambda d: len(d).to_bytes(2) + d
    name = VECTORS["epoch"].encode()
    numbers = VECTORS["generation"].to_bytes(4) + bytes([part["index"]])
    assert context == b"OPRFV1-\1-ristretto255-SHA512-stillwatch-share-" + numbers + name
    assert str(part["index"]) in text.split(",")
    dst, key = b"HashToScalar-" + context, bytes.fromhex(part["key"])
    seed = framed(hashlib.sha512(framed(key) + framed(b"Seed-" + context)).digest())
    sent, answered = plain.ZERO, plain.ZERO
    for place, (c, d) in enumerate(zip(BLINDED, hexes(part["elements"]), strict=True)):
        text_of = seed + place.to_bytes(2) + framed(c) + framed(d) + b"Composite"
        weight = plain.scalar(plain.expand(text_of, dst))
        sent = plain.add(sent, plain.multiply(weight, plain.decode(c)))
        answered = plain.add(answered, plain.multiply(weight, plain.decode(d)))
    proof = bytes.fromhex(part["proof"])
    c, s = plain.scalar(proof[:32]), plain.scalar(proof[32:])
    base = plain.decode(
        bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")
    )
    first = plain.add(plain.multiply(s, base), plain.multiply(c, plain.decode(key)))
    second = plain.add(plain.multiply(s, sent), plain.multiply(c, answered))
    elements = [key, *(plain.encode(p) for p in (sent, answered, first, second))]
    transcript = b"".join(framed(e) for e in elements) + b"Challenge"
    assert plain.scalar(plain.expand(transcript, dst)) % plain.ORDER == c
