"""Proof that a batch was multiplied by one key: DLEQ of RFC 9497, section 2.2.

For a public key ``B = k*A`` the server shows that every ``D[i] = k*C[i]``, with one proof of 64
bytes for the whole batch, without showing ``k``. The ``context`` goes into every hash: a proof
made under one context is none under another.

    >>> from stillwatch.crypto.oprf import Mode, blind, context_string, evaluate, generate_key_pair
    >>> keys, context = generate_key_pair(), context_string(Mode.VOPRF)
    >>> _, blinded = blind([b"alpha", b"beta"], Mode.VOPRF)
    >>> answers = evaluate(keys.secret, blinded)
    >>> proof = generate_proof(keys.secret, keys.public, blinded, answers, context)
    >>> verify_proof(keys.public, blinded, answers, proof, context)
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Final

from stillwatch.crypto.ristretto import (
    ELEMENT_BYTES,
    SCALAR_BYTES,
    Element,
    Scalar,
    add,
    check_element,
    check_scalar,
    hash_to_scalar,
    minus,
    multiply,
    multiply_base,
    random_scalar,
    times,
    total,
)
from stillwatch.errors import InputError, NotTrusted

PROOF_BYTES: Final = 2 * SCALAR_BYTES
MAX_BATCH: Final = 2**16 - 1
"""Elements that one proof can cover at most: their place is hashed as two bytes."""


def generate_proof(
    secret: Scalar,
    public: Element,
    inputs: Sequence[Element],
    outputs: Sequence[Element],
    context: bytes,
    *,
    nonce: Scalar | None = None,
) -> bytes:
    """Prove that each output is the input multiplied by the secret of ``public``.

    ``nonce`` is drawn unless given; give it for test vectors only, for two proofs with one nonce
    show the secret. Raises ``InputError`` for a batch that is empty, uneven or too large.
    """
    weights = list(_weights(public, inputs, outputs, context))
    weighted_in = _weighted(weights, inputs)
    weighted_out = multiply(secret, weighted_in)
    nonce = random_scalar() if nonce is None else nonce
    commitments = (multiply_base(nonce), multiply(nonce, weighted_in))
    challenge = _challenge(public, weighted_in, weighted_out, commitments, context)
    return challenge + minus(nonce, times(challenge, secret))


def verify_proof(
    public: Element,
    inputs: Sequence[Element],
    outputs: Sequence[Element],
    proof: bytes,
    context: bytes,
) -> None:
    """Raise ``NotTrusted`` unless the proof shows each output to be the key times the input.

    An element or batch that cannot be proven is not trusted either.
    """
    try:
        challenge, response = _parts(proof)
        public = check_element(public)
        weights = list(_weights(public, inputs, outputs, context))
        weighted_in, weighted_out = _weighted(weights, inputs), _weighted(weights, outputs)
        commitments = (
            add(multiply_base(response), multiply(challenge, public)),
            add(multiply(response, weighted_in), multiply(challenge, weighted_out)),
        )
    except InputError as error:
        raise NotTrusted(f"the proof cannot be checked: {error.message}") from error
    expected = _challenge(public, weighted_in, weighted_out, commitments, context)
    if not hmac.compare_digest(expected, challenge):
        raise NotTrusted("the proof does not hold: the answer was not made with the key it names")


def _parts(proof: bytes) -> tuple[Scalar, Scalar]:
    if len(proof) != PROOF_BYTES:
        raise InputError(f"a proof has {PROOF_BYTES} bytes, not {len(proof)}")
    return check_scalar(proof[:SCALAR_BYTES]), check_scalar(proof[SCALAR_BYTES:])


def _weights(
    public: Element, inputs: Sequence[Element], outputs: Sequence[Element], context: bytes
) -> Iterator[Scalar]:
    """One unpredictable factor a pair, so that errors cannot cancel (``ComputeComposites``)."""
    if not 0 < len(inputs) == len(outputs) <= MAX_BATCH:
        raise InputError(
            f"a proof covers 1 to {MAX_BATCH} pairs, not {len(inputs)} inputs "
            f"and {len(outputs)} outputs"
        )
    if any(len(element) != ELEMENT_BYTES for pair in (inputs, outputs) for element in pair):
        raise InputError("the elements of a proof have 32 bytes each")
    framed_seed = _framed(hashlib.sha512(_framed(public) + _framed(b"Seed-" + context)).digest())
    dst = b"HashToScalar-" + context
    for place, pair in enumerate(zip(inputs, outputs, strict=True)):
        elements = _framed(pair[0]) + _framed(pair[1])
        yield hash_to_scalar(framed_seed + place.to_bytes(2) + elements + b"Composite", dst)


def _weighted(weights: Sequence[Scalar], elements: Sequence[Element]) -> Element:
    return total(multiply(*pair) for pair in zip(weights, elements, strict=True))


def _challenge(
    public: Element,
    weighted_in: Element,
    weighted_out: Element,
    commitments: tuple[Element, Element],
    context: bytes,
) -> Scalar:
    parts = (public, weighted_in, weighted_out, *commitments)
    transcript = b"".join(_framed(part) for part in parts) + b"Challenge"
    return hash_to_scalar(transcript, b"HashToScalar-" + context)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data
