"""Records, tags, detached signatures and key statements, a second time.

The rules are those of docs/reference/transparency-log.md. Canonical JSON comes from the rfc8785
library, which is neither the hub's code nor ours.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

import rfc8785

from stillwatch.hub.fsck.notes import Unsound, verify

CLAIM = "extension-definition--6ba787b6-90e0-4ee1-a24f-4e50d29339f3"
"""Id of the extension that makes an object a claim."""
_SIGNED_BY_NOBODY = ("proof", "signature")


@dataclass(slots=True)
class Holder:
    """One stated key."""

    identity: str
    public: bytes
    state: str
    since: int


class Keys:
    """The keys that the log has stated so far."""

    def __init__(self) -> None:
        self.by_id: dict[str, Holder] = {}
        self._newest: dict[str, str] = {}

    def state(self, statement: Any, index: int) -> None:
        """Follow one statement; raises ``Unsound`` if the keys before do not allow it."""
        try:
            action, identity = statement["action"], statement["identity"]
            if action in ("add", "rotate"):
                self._introduce(statement, identity, index, rotated=action == "rotate")
            elif action in ("end", "suspend", "restore"):
                self._change(statement, action, identity, index)
            else:
                raise Unsound(f"unknown action {action!r}")
        except (KeyError, TypeError, AttributeError) as error:
            raise Unsound(f"a statement is malformed ({error})") from error

    def claim(self, signature: str, signed: bytes, identity: str) -> None:
        """Raise ``Unsound`` unless a key of this identity that speaks now signed the bytes."""
        kid, raw, message = _detached(signature, signed)
        holder = self._held(kid, identity)
        if holder.state != "active":
            raise Unsound(f"key {kid} is {holder.state} since leaf {holder.since}")
        verify(holder.public, raw, message)

    def _introduce(self, statement: Any, identity: str, index: int, *, rotated: bool) -> None:
        public, signed = _public(statement["key"]), _unsigned(statement)
        kid = thumbprint(public)
        if kid in self.by_id:
            raise Unsound(f"key {kid} was stated before")
        named, raw, message = _detached(statement["proof"], signed)
        if named != kid:
            raise Unsound(f"the proof is of key {named}, not of {kid}")
        verify(public, raw, message)
        before = self._newest.get(identity)
        if rotated:
            self.claim(statement["signature"], signed, identity)
            signer = _detached(statement["signature"], signed)[0]
            if not signer == statement["replaces"] == before:
                raise Unsound(f"a rotation of key {before} is signed by {signer}")
            self.by_id[signer].state, self.by_id[signer].since = "ended", index
        elif before is not None:
            raise Unsound(f"a further key of {identity} is not signed by key {before}")
        self.by_id[kid] = Holder(identity, public, "active", index)
        self._newest[identity] = kid

    def _change(self, statement: Any, action: str, identity: str, index: int) -> None:
        kid = statement["kid"]
        holder = self._held(kid, identity)
        allowed = {"end": "active suspended", "suspend": "active", "restore": "suspended"}
        if holder.state not in allowed[action].split():
            raise Unsound(f"{action} of key {kid}, which is {holder.state}")
        if "signature" in statement:
            named, raw, message = _detached(statement["signature"], _unsigned(statement))
            if named != kid:
                raise Unsound(f"the end of key {kid} is signed by {named}")
            verify(holder.public, raw, message)
        holder.state = {"end": "ended", "suspend": "suspended", "restore": "active"}[action]
        holder.since = index

    def _held(self, kid: str, identity: str) -> Holder:
        holder = self.by_id.get(kid)
        if holder is None:
            raise Unsound(f"key {kid} was not stated before")
        if holder.identity != identity:
            raise Unsound(f"key {kid} is of {holder.identity}, not of {identity}")
        return holder


def record_of(name: dict[str, Any]) -> bytes:
    """Canonical JSON; raises ``Unsound`` if there is none."""
    try:
        return rfc8785.dumps(_numbers(name))
    except (ValueError, OverflowError, RecursionError) as error:
        raise Unsound(f"it has no canonical form ({error})") from error


def tag_of(secret: bytes, index: int) -> bytes:
    """Audience tag of a leaf."""
    message = b"stillwatch/audience" + index.to_bytes(8, "big")
    return hmac.new(secret, message, hashlib.sha256).digest()[:16]


def signed_part(obj: dict[str, Any]) -> tuple[str, bytes]:
    """Signature of a claim and the bytes it covers; raises ``Unsound`` if it carries none."""
    extensions = obj.get("extensions")
    extension = extensions.get(CLAIM) if isinstance(extensions, dict) else None
    if not isinstance(extension, dict) or not isinstance(extension.get("signature"), str):
        raise Unsound("the claim carries no signature")
    rest = {k: v for k, v in extension.items() if k != "signature"}
    covered = {**obj, "extensions": {**obj["extensions"], CLAIM: rest}}
    return extension["signature"], record_of(covered)


def thumbprint(public: bytes) -> str:
    """Key id: RFC 7638 over the JWK of RFC 8037."""
    x = _plain(base64.urlsafe_b64encode(public))
    jwk = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return _plain(base64.urlsafe_b64encode(hashlib.sha256(jwk.encode()).digest()))


def _numbers(value: Any) -> Any:
    """JSON knows doubles only: an integer too large for one's exact digits is read as a double."""
    if isinstance(value, dict):
        return {name: _numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    large = isinstance(value, int) and abs(value) >= 2**53
    return float(value) if large and rfc8785.dumps(float(value)) == b"%d" % value else value


def _public(jwk: Any) -> bytes:
    if jwk.keys() != {"kty", "crv", "x"} or (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519"):
        raise Unsound("a stated key is no Ed25519 JWK")
    return _bytes(jwk["x"])


def _unsigned(statement: dict[str, Any]) -> bytes:
    return record_of({k: v for k, v in statement.items() if k not in _SIGNED_BY_NOBODY})


def _detached(signature: Any, signed: bytes) -> tuple[str, bytes, bytes]:
    """Key id, raw signature and signing input of a detached JWS (RFC 7515, appendix F)."""
    head, dots, tail = str(signature).partition("..")
    try:
        header = json.loads(_bytes(head))
    except (ValueError, RecursionError) as error:
        raise Unsound("a signature is no detached JWS") from error
    if not dots or not isinstance(header, dict) or header.keys() != {"alg", "kid"}:
        raise Unsound("a signature has another header than alg and kid")
    if header["alg"] != "Ed25519":
        raise Unsound(f"a signature is of algorithm {header['alg']!r}")
    message = head.encode() + b"." + base64.urlsafe_b64encode(signed).rstrip(b"=")
    return str(header["kid"]), _bytes(tail), message


def _bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError as error:
        raise Unsound("base64url is malformed") from error
    if _plain(base64.urlsafe_b64encode(raw)) != text:
        raise Unsound("base64url is not in its one form")
    return raw


def _plain(encoded: bytes) -> str:
    return encoded.decode().rstrip("=")
