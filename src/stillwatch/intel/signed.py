"""A claim's signature lives inside it: ``extensions[CLAIM].signature`` (ADR 0011).

Rules: what is signed is the canonical JSON of the object without that one member, so every other
property, ours or not, is covered. Nothing here judges: who may have signed is the reader's matter.

    >>> from stillwatch.crypto.jws import verify_detached
    >>> from stillwatch.crypto.keys import SigningKey
    >>> key, obj = SigningKey.generate(), {"type": "campaign", "extensions": {CLAIM: {}}}
    >>> said = sign(obj, key)
    >>> verify_detached(signature(said), signing_input(said), key.public)
"""

from typing import Any

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.jws import sign_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import InputError, NotTrusted
from stillwatch.intel.ids import CLAIM


def signing_input(obj: dict[str, Any]) -> bytes:
    """Bytes that the signature of a claim covers.

    Raises ``InputError`` for an object without our extension or without canonical form.
    """
    return canonical(unsigned(obj))


def unsigned(obj: dict[str, Any]) -> dict[str, Any]:
    """Copy of a claim without its signature; the parts in it are shared, not copied."""
    extension = {name: value for name, value in _extension(obj).items() if name != "signature"}
    return {**obj, "extensions": {**obj["extensions"], CLAIM: extension}}


def sign(obj: dict[str, Any], key: SigningKey) -> dict[str, Any]:
    """Copy of a claim with the signature of this key; an earlier one is replaced."""
    extension = {**_extension(obj), "signature": sign_detached(signing_input(obj), key)}
    return {**obj, "extensions": {**obj["extensions"], CLAIM: extension}}


def signature(obj: dict[str, Any]) -> str:
    """Signature that a claim carries, unverified; raises ``NotTrusted`` if it carries none."""
    found = _extension(obj).get("signature")
    if not isinstance(found, str):
        raise NotTrusted("the claim carries no signature")
    return found


def _extension(obj: dict[str, Any]) -> dict[str, Any]:
    extensions = obj.get("extensions")
    found = extensions.get(CLAIM) if isinstance(extensions, dict) else None
    if not isinstance(found, dict):
        raise InputError("the object is no claim: it lacks our extension", hint=f"see {CLAIM}")
    return found
