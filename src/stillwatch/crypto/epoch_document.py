"""The signed document of an epoch: written by all its evaluators, believed only whole.

Rules: a document counts if the key of every evaluator signed it, each key is the one that the log
states for that member, and the public shares give the public key at the threshold promised. So
neither the hub that hands documents out nor fewer than all evaluators can make one up.

    document = signed(epoch, {key.id: sign(epoch, key) for key in keys})
    epoch = check(read(data), ring.keys)
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.jws import sign_detached, verify_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.statements import Key
from stillwatch.crypto.threshold import check_public_shares
from stillwatch.domain.claim import KeyId
from stillwatch.errors import InputError, NotTrusted

MAX_BYTES: Final = 65_536
"""Of a document as JSON."""


def read(data: bytes) -> dict[str, Any]:
    """Parse a document's text. Raises ``InputError`` for what is too long or no JSON object."""
    if len(data) > MAX_BYTES:
        raise InputError(f"an epoch's document has at most {MAX_BYTES} bytes, not {len(data)}")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the epoch's document is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise InputError("the epoch's document is no JSON object")
    return document


def sign(epoch: Epoch, key: SigningKey) -> str:
    """Signature of one evaluator: a detached JWS over the canonical document."""
    return sign_detached(canonical(epoch.to_json()), key)


def signed(epoch: Epoch, signatures: Mapping[KeyId, str]) -> dict[str, Any]:
    """The document with signatures, by key id."""
    return {**epoch.to_json(), "signatures": dict(signatures)}


def check(document: Any, member_keys: Mapping[KeyId, Key]) -> Epoch:
    """The epoch of a document, if every evaluator's key signed it and its shares give its key.

    ``member_keys`` are those the log states (``KeyRing.keys``): a key that was rotated since still
    vouches for what it signed. Raises ``NotTrusted`` saying who did not sign, ``InputError`` for
    what is no document.
    """
    epoch = Epoch.from_json(document)
    signatures, payload = document.get("signatures"), canonical(epoch.to_json())
    if not isinstance(signatures, dict):
        raise NotTrusted(f"epoch {epoch.name} is not signed")
    expected = {evaluator.key_id for evaluator in epoch.evaluators}
    if unknown := sorted(signatures.keys() - expected):
        raise NotTrusted(f"epoch {epoch.name} is signed by {unknown[0]!r}, which is no evaluator")
    for evaluator in epoch.evaluators:
        who = f"epoch {epoch.name}, evaluator {evaluator.index} ({evaluator.member})"
        key = member_keys.get(evaluator.key_id)
        if key is None or key.identity != evaluator.member:
            raise NotTrusted(f"{who}: key {evaluator.key_id} is not known as its key")
        signature = signatures.get(evaluator.key_id)
        if not isinstance(signature, str):
            raise NotTrusted(f"{who} did not sign")
        try:
            verify_detached(signature, payload, key.public)
        except NotTrusted as error:
            raise NotTrusted(f"{who}: {error.message}") from error
    shares = [epoch.public_share(evaluator.index) for evaluator in epoch.evaluators]
    check_public_shares(shares, epoch.threshold, epoch.public_key)
    return epoch


def check_refreshed(old: Epoch, new: Epoch) -> None:
    """Raise ``NotTrusted`` unless ``new`` is ``old`` with fresh shares and nothing else."""
    for what in ("name", "threshold", "public_key", "starts", "ends"):
        if getattr(old, what) != getattr(new, what):
            raise NotTrusted(f"a refresh of epoch {old.name} may not change its {what}")
    if new.generation != old.generation + 1:
        raise NotTrusted(
            f"epoch {old.name} has generation {old.generation}; {new.generation} does not follow"
        )
    before = [(one.index, one.member) for one in old.evaluators]
    if [(one.index, one.member) for one in new.evaluators] != before:
        raise NotTrusted(f"a refresh of epoch {old.name} may not change who holds shares")
