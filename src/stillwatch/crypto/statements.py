"""What the log says about keys: statements, and the ring of keys that results from them.

A statement is a JSON object; canonical JSON of ``{"key": statement}`` is its record::

    {"action": "add",     "identity": ID, "key": JWK, "at": T, "proof": JWS by the new key}
    {"action": "rotate",  "identity": ID, "key": JWK, "at": T, "replaces": KID,
                          "proof": JWS by the new key, "signature": JWS by the old key}
    {"action": "end",     "identity": ID, "kid": KID, "at": T, "reason": R[, "signature": JWS]}
    {"action": "suspend", "identity": ID, "kid": KID, "at": T}
    {"action": "restore", "identity": ID, "kid": KID, "at": T}

Rules: an identity's first key is vouched for by the hub, each later one is signed by the key
before; nobody can state a key without holding it (``proof``). Both are detached JWS over the
canonical statement without ``proof`` and ``signature``. The hub may suspend, restore and end a
key: that takes an identity's voice away and never lends it to another. An ended key never
comes back, and with it ends its identity. A key id is stated once, for one identity.
What a key signed stands at the index of its leaf: only what comes after an end is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self, TypeAlias

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.jws import sign_detached, signer, verify_detached
from stillwatch.crypto.keys import SigningKey, from_jwk, key_id, to_jwk
from stillwatch.domain.claim import KeyId, StixId
from stillwatch.errors import InputError, NotTrusted

Reason: TypeAlias = Literal["retired", "compromised", "removed"]
REASONS: Final = ("retired", "compromised", "removed")
"""Why a key ends: its holder no longer uses it, lost it, or is no member any more."""

_COMMON: Final = frozenset(("action", "identity", "at"))
_MEMBERS: Final = {
    "add": _COMMON | {"key", "proof"},
    "rotate": _COMMON | {"key", "proof", "replaces", "signature"},
    "end": _COMMON | {"kid", "reason"},
    "suspend": _COMMON | {"kid"},
    "restore": _COMMON | {"kid"},
}
_OPTIONAL: Final = {"end": frozenset(("signature",))}
_IDENTITY: Final = re.compile(r"identity--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the log states it."""

    id: KeyId
    identity: StixId
    public: bytes
    stated: int
    """Index of the leaf that stated it."""
    state: Literal["active", "suspended", "ended"] = "active"
    changed: int = -1
    """Index of the leaf that suspended, restored or ended it; -1 for none."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys stated so far. A value: applying a statement makes a new one."""

    keys: Mapping[KeyId, Key] = field(default_factory=dict)

    def apply(self, statement: Any, index: int) -> Self:
        """The ring after a statement at an index of the log.

        Raises ``NotTrusted`` for a statement that the keys before do not allow.
        """
        check_form(statement)
        action, identity = statement["action"], StixId(statement["identity"])
        if action in ("add", "rotate"):
            changed = self._stated(statement, index)
        else:
            changed = (self._changed(self._of(statement["kid"], identity), statement, index),)
        return type(self)({**self.keys, **{key.id: key for key in changed}})

    def signer(self, signature: str, identity: str) -> Key:
        """The key that may have made a signature in the name of an identity, now.

        Raises ``NotTrusted`` with the reason if the key is unknown, another's, or not active.
        """
        key = self._of(signer(signature), StixId(identity))
        if key.state != "active":
            raise NotTrusted(f"key {key.id} of {identity} is {key.state} since leaf {key.changed}")
        return key

    def of_identity(self, identity: str) -> Key | None:
        """The newest key of an identity."""
        keys = [key for key in self.keys.values() if key.identity == identity]
        return max(keys, key=lambda key: key.stated, default=None)

    def _of(self, kid: KeyId, identity: StixId) -> Key:
        key = self.keys.get(kid)
        if key is None:
            raise NotTrusted(f"key {kid} is not stated in the log")
        if key.identity != identity:
            raise NotTrusted(f"key {kid} is of {key.identity}, not of {identity}")
        return key

    def _stated(self, statement: dict[str, Any], index: int) -> tuple[Key, ...]:
        identity, signed = StixId(statement["identity"]), signing_input(statement)
        public = _public(statement)
        new = Key(key_id(public), identity, public, index)
        if new.id in self.keys:
            raise NotTrusted(f"key {new.id} is stated a second time")
        verify_detached(statement["proof"], signed, public)
        before = self.of_identity(identity)
        if statement["action"] == "add":
            if before is not None:
                raise NotTrusted(
                    f"a further key of {identity} is not signed by the key before, {before.id}"
                )
            return (new,)
        old = self.signer(statement["signature"], identity)
        if old.id != statement["replaces"]:
            raise NotTrusted(f"key {statement['replaces']} is replaced by a signature of {old.id}")
        verify_detached(statement["signature"], signed, old.public)
        return (replace(old, state="ended", changed=index), new)

    def _changed(self, key: Key, statement: dict[str, Any], index: int) -> Key:
        action = statement["action"]
        wanted = {"end": ("active", "suspended"), "suspend": ("active",), "restore": ("suspended",)}
        if key.state not in wanted[action]:
            raise NotTrusted(f"{action} of key {key.id}, which is {key.state}")
        if "signature" in statement:
            verify_detached(statement["signature"], signing_input(statement), key.public)
        states: Any = {"end": "ended", "suspend": "suspended", "restore": "active"}
        return replace(key, state=states[action], changed=index)


def add(identity: str, key: SigningKey, at: str) -> dict[str, Any]:
    """State the first key of an identity, with the proof that it is held."""
    return _proved(
        {"action": "add", "identity": identity, "key": to_jwk(key.public), "at": at}, key
    )


def rotate(identity: str, old: SigningKey, new: SigningKey, at: str) -> dict[str, Any]:
    """Replace a key, signed by it and by the new one."""
    statement = {"action": "rotate", "identity": identity, "key": to_jwk(new.public), "at": at}
    statement = _proved({**statement, "replaces": old.id}, new)
    return {**statement, "signature": sign_detached(signing_input(statement), old)}


def end(
    identity: str, kid: KeyId, at: str, reason: Reason, key: SigningKey | None = None
) -> dict[str, Any]:
    """End a key for good: by its holder, who signs, or by the hub."""
    statement = {"action": "end", "identity": identity, "kid": kid, "at": at, "reason": reason}
    if key is None:
        return statement
    return {**statement, "signature": sign_detached(signing_input(statement), key)}


def suspend(identity: str, kid: KeyId, at: str) -> dict[str, Any]:
    """Take a key's voice away until it is restored."""
    return {"action": "suspend", "identity": identity, "kid": kid, "at": at}


def restore(identity: str, kid: KeyId, at: str) -> dict[str, Any]:
    """Undo a suspension."""
    return {"action": "restore", "identity": identity, "kid": kid, "at": at}


def signing_input(statement: Mapping[str, Any]) -> bytes:
    """What ``proof`` and ``signature`` are over."""
    return canonical({k: v for k, v in statement.items() if k not in ("proof", "signature")})


def check_form(statement: Any) -> None:
    """Raise ``NotTrusted`` unless it has exactly the members of a statement, of the right kind."""
    action = statement.get("action") if isinstance(statement, dict) else None
    if not isinstance(action, str) or action not in _MEMBERS:
        raise NotTrusted("a key statement has an action: " + ", ".join(_MEMBERS))
    needed, allowed = _MEMBERS[action], _MEMBERS[action] | _OPTIONAL.get(action, frozenset())
    if missing := sorted(needed - statement.keys()):
        raise NotTrusted(f"key statement {action!r} lacks {missing[0]!r}")
    if unknown := sorted(statement.keys() - allowed):
        raise NotTrusted(f"key statement {action!r} has an unknown member {unknown[0]!r}")
    if texts := [
        n for n in sorted(statement.keys() - {"key"}) if not isinstance(statement[n], str)
    ]:
        raise NotTrusted(f"member {texts[0]!r} of a key statement must be a text")
    if not _IDENTITY.fullmatch(statement["identity"]):
        raise NotTrusted(f"{statement['identity']!r} is no identity-- id")
    if not _AT.fullmatch(statement["at"]):
        raise NotTrusted(f"{statement['at']!r} is no STIX timestamp")
    if action == "end" and statement["reason"] not in REASONS:
        raise NotTrusted("a key ends with a reason: " + ", ".join(REASONS))


def _proved(statement: dict[str, Any], key: SigningKey) -> dict[str, Any]:
    return {**statement, "proof": sign_detached(signing_input(statement), key)}


def _public(statement: dict[str, Any]) -> bytes:
    try:
        return from_jwk(statement["key"])
    except InputError as error:
        raise NotTrusted(f"key statement of {statement['identity']}: {error}") from error
