"""Every vector of RFC 9497, appendix A.1, and the Rust crate behind the voprf wheel."""

import json
from pathlib import Path

import pytest
import voprf.ristretto as other
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.oprf import (
    Mode,
    blind,
    context_string,
    derive_key_pair,
    evaluate,
    evaluate_input,
    finalize,
)
from stillwatch.crypto.proofs import PROOF_BYTES, generate_proof, verify_proof
from stillwatch.crypto.ristretto import Element, Scalar

FILE = Path(__file__).with_name("rfc9497_ristretto255.json")
SUITES = json.loads(FILE.read_text())["suites"]
VECTORS = [(suite, vector) for suite in SUITES for vector in suite["vectors"]]
VERIFIABLE = context_string(Mode.VOPRF)
SEEDS = st.binary(min_size=32, max_size=32)
INPUTS = st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=5)


def hexes(values):
    return [bytes.fromhex(value) for value in values]


def keys_of(suite):
    seed, info = hexes((suite["seed"], suite["keyInfo"]))
    return derive_key_pair(seed, info, Mode(suite["mode"]))


def test_the_file_holds_the_two_modes_with_all_their_vectors():
    assert [(suite["mode"], len(suite["vectors"])) for suite in SUITES] == [(0, 2), (1, 3)]


@pytest.mark.parametrize("suite", SUITES, ids=("OPRF", "VOPRF"))
def test_keys_are_derived_as_the_rfc_says(suite):
    keys = keys_of(suite)
    assert keys.secret.hex() == suite["skSm"]
    assert keys.public.hex() == suite.get("pkSm", keys.public.hex())
    assert suite["skSm"] not in repr(keys)


@pytest.mark.parametrize(("suite", "vector"), VECTORS)
def test_client_and_server_give_the_bytes_of_the_rfc(suite, vector):
    mode, keys, inputs = Mode(suite["mode"]), keys_of(suite), hexes(vector["input"])
    blinds, blinded = blind(inputs, mode, blinds=[Scalar(b) for b in hexes(vector["blind"])])
    assert blinded == hexes(vector["blindedElement"])
    evaluated = evaluate(keys.secret, blinded)
    assert evaluated == hexes(vector["evaluationElement"])
    assert finalize(inputs, blinds, evaluated) == hexes(vector["output"])
    assert [evaluate_input(keys.secret, data, mode) for data in inputs] == hexes(vector["output"])


@pytest.mark.parametrize("vector", SUITES[1]["vectors"])
def test_proofs_are_those_of_the_rfc(vector):
    keys = keys_of(SUITES[1])
    blinded, evaluated = hexes(vector["blindedElement"]), hexes(vector["evaluationElement"])
    nonce = Scalar(bytes.fromhex(vector["proofRandomScalar"]))
    proof = generate_proof(keys.secret, keys.public, blinded, evaluated, VERIFIABLE, nonce=nonce)
    assert proof.hex() == vector["proof"]
    verify_proof(keys.public, blinded, evaluated, proof, VERIFIABLE)


@given(SEEDS, st.binary(max_size=40), INPUTS)
def test_our_client_accepts_what_the_other_server_answers(seed, info, inputs):
    server = other.Evaluator.from_seed(seed, info)
    public = Element(server.public_key.serialize())
    assert derive_key_pair(seed, info, Mode.VOPRF).public == public
    blinds, blinded = blind(inputs, Mode.VOPRF)
    messages = [other.BlindedInput.deserialize(element) for element in blinded]
    answer = server.evaluate_batch(messages).serialize()
    proof, evaluated = answer[:PROOF_BYTES], answer[PROOF_BYTES:]
    elements = [Element(evaluated[at : at + 32]) for at in range(0, len(evaluated), 32)]
    verify_proof(public, blinded, elements, proof, VERIFIABLE)
    outputs = finalize(inputs, blinds, elements)
    assert outputs == [server.evaluate_known_input(data) for data in inputs]


@given(SEEDS, st.binary(max_size=40), INPUTS)
def test_the_other_client_accepts_what_our_server_answers(seed, info, inputs):
    keys = derive_key_pair(seed, info, Mode.VOPRF)
    clients, messages = zip(*(other.Client.blind(data) for data in inputs), strict=True)
    blinded = [Element(message.serialize()) for message in messages]
    evaluated = evaluate(keys.secret, blinded)
    proof = generate_proof(keys.secret, keys.public, blinded, evaluated, VERIFIABLE)
    answer = other.VerifiableBatchOutput.deserialize(proof + b"".join(evaluated))
    public = other.PublicKey.deserialize(keys.public)
    outputs = other.Client.finalize_batch(list(clients), answer, public)
    assert outputs == [evaluate_input(keys.secret, data, Mode.VOPRF) for data in inputs]
