"""HTTP requests signed by a member's key: one narrow profile of RFC 9421 and RFC 9530.

Evaluators need to know which member asks, and that the question was neither changed, nor meant for
another server, nor sent twice. Rules: Ed25519 over exactly the components ``COVERED``, in that
order, so that method, host, path, query and body are all bound; exactly the parameters created,
nonce, keyid and tag, in that order, in the one spelling of RFC 8941 that ``sign_request`` writes.
Whatever differs is refused: a verifier that interprets less has less to be fooled by. A nonce may
be used once while ``created`` is within ``WINDOW_S`` of the verifier's clock; remembering nonces is
the server's work (``read_parameters``)::

    headers = sign_request("POST", "eval.example.com", "/v1/evaluate", "epoch=e1", body, key,
                           created=1_796_000_000, nonce=new_nonce())
    verify_request("POST", "eval.example.com", "/v1/evaluate", "epoch=e1", body, headers,
                   {key.id: key.public}, now=1_796_000_010)
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stillwatch.crypto.encoding import b64, unb64
from stillwatch.crypto.keys import SIGNATURE_BYTES, SigningKey, verify
from stillwatch.domain.claim import KeyId
from stillwatch.errors import InputError, NotTrusted

TAG: Final = "stillwatch-evaluate"
COVERED: Final = ("@method", "@authority", "@path", "@query", "content-digest")
WINDOW_S: Final = 60
"""Seconds by which the signer's clock and the verifier's may differ."""

_LABEL: Final = "sw"
_LIST: Final = "(" + " ".join(f'"{name}"' for name in COVERED) + ")"
_NONCE: Final = r"[A-Za-z0-9_-]{16,64}"
_KEY: Final = r"[A-Za-z0-9_-]{43}"
_INPUT: Final = re.compile(
    re.escape(f"{_LABEL}={_LIST}")
    + rf';created=(0|[1-9][0-9]{{0,14}});nonce="({_NONCE})";keyid="({_KEY})";tag="{TAG}"'
)
_SIGNATURE: Final = re.compile(rf"{_LABEL}=:([A-Za-z0-9+/]{{86}}==):")
_HINT: Final = "sign it as docs/reference/evaluator.md says"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a request says of its signature; nothing of it is proven before it was verified."""

    created: int
    """Seconds since 1970 by the signer's clock."""
    nonce: str
    key: KeyId
    text: str
    """Value of ``@signature-params``, as it was signed."""


def new_nonce() -> str:
    """128 random bits, base64url."""
    return secrets.token_urlsafe(16)


def sign_request(
    method: str,
    authority: str,
    path: str,
    query: str,
    body: bytes,
    key: SigningKey,
    created: int,
    nonce: str,
) -> dict[str, str]:
    """Headers that sign a request: Content-Digest, Signature-Input and Signature.

    ``authority`` is the Host header (host, and port unless it is the scheme's own), ``path`` and
    ``query`` are as they travel, percent-encoded, the query without its question mark.
    ``created`` is seconds since 1970. Raises ``InputError`` for a nonce that is not 16-64
    characters of base64url.
    """
    if re.fullmatch(_NONCE, nonce) is None:
        raise InputError("a nonce has 16 to 64 characters of base64url", hint="use new_nonce()")
    digest = content_digest(body)
    said = f'{_LIST};created={created};nonce="{nonce}";keyid="{key.id}";tag="{TAG}"'
    signature = key.sign(signature_base(_components(method, authority, path, query, digest), said))
    return {
        "Content-Digest": digest,
        "Signature-Input": f"{_LABEL}={said}",
        "Signature": f"{_LABEL}=:{b64(signature)}:",
    }


def verify_request(
    method: str,
    authority: str,
    path: str,
    query: str,
    body: bytes,
    headers: Mapping[str, str],
    keys: Mapping[KeyId, bytes],
    now: int,
) -> KeyId:
    """Key that signed a request, out of ``keys`` (id to public half).

    ``headers`` has lower-case names; ``now`` is seconds since 1970. Raises ``NotTrusted`` where
    anything of it does not hold. The caller must refuse a nonce that it has seen before.
    """
    said = verify_head(method, authority, path, query, headers, keys, now)
    check_body(headers, body)
    return said.key


def verify_head(
    method: str,
    authority: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    keys: Mapping[KeyId, bytes],
    now: int,
) -> Parameters:
    """The same for a server that reads no body of a stranger: ``check_body`` must follow."""
    said = read_parameters(headers)
    if abs(now - said.created) > WINDOW_S:
        raise NotTrusted(
            f"the signature was made {now - said.created} s ago; {WINDOW_S} s either way are allowed",
            hint="set the clock, and sign each request anew",
        )
    public = keys.get(said.key)
    if public is None:
        raise NotTrusted(f"key {said.key} is no key of a member")
    digest = headers.get("content-digest", "")
    components = _components(method, authority, path, query, digest)
    verify(public, _signature(headers), signature_base(components, said.text))
    return said


def check_body(headers: Mapping[str, str], body: bytes) -> None:
    """Raise ``NotTrusted`` unless the body is the one whose digest was signed."""
    digest = headers.get("content-digest", "").encode()
    if not hmac.compare_digest(digest, content_digest(body).encode()):
        raise NotTrusted("Content-Digest is not the body's sha-256 (RFC 9530)", hint=_HINT)


def read_parameters(headers: Mapping[str, str]) -> Parameters:
    """What a request says of its signature. Raises ``NotTrusted`` for any other form than ours."""
    text = headers.get("signature-input", "")
    found = _INPUT.fullmatch(text)
    if found is None:
        raise NotTrusted("Signature-Input is missing or not of this profile", hint=_HINT)
    created, nonce, key = found.groups()
    return Parameters(int(created), nonce, KeyId(key), text.removeprefix(f"{_LABEL}="))


def content_digest(body: bytes) -> str:
    """Value of the header Content-Digest with sha-256 (RFC 9530, section 2)."""
    return f"sha-256=:{b64(hashlib.sha256(body).digest())}:"


def signature_base(components: Mapping[str, str], parameters: str) -> bytes:
    """What is signed (RFC 9421, section 2.5): a line a component, then the parameters."""
    lines = [f'"{name}": {value}' for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def _components(method: str, authority: str, path: str, query: str, digest: str) -> dict[str, str]:
    """Values of the covered components (RFC 9421, section 2.2)."""
    values = (method, authority.lower(), path or "/", f"?{query}", digest)
    if any("\n" in value or "\r" in value for value in values):
        raise NotTrusted("a component holds a line break: it could pass for another component")
    return dict(zip(COVERED, values, strict=True))


def _signature(headers: Mapping[str, str]) -> bytes:
    found = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if found is None:
        raise NotTrusted("Signature is missing or not of this profile", hint=_HINT)
    try:
        signature = unb64(found[1])
    except ValueError as error:
        raise NotTrusted("Signature is no base64 in its one spelling", hint=_HINT) from error
    if len(signature) != SIGNATURE_BYTES:
        raise NotTrusted(f"a signature has {SIGNATURE_BYTES} bytes", hint=_HINT)
    return signature
