"""Signed requests: the RFCs' own examples first, then everything a request could be changed in."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.encoding import b64url, unb64
from stillwatch.crypto.httpsig import (
    COVERED,
    WINDOW_S,
    content_digest,
    new_nonce,
    read_parameters,
    sign_request,
    signature_base,
    verify_request,
)
from stillwatch.crypto.keys import SigningKey, verify
from stillwatch.errors import InputError, NotTrusted

NOW = 1_796_000_000
KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(32))


@dataclass(frozen=True)
class Sent:
    """A request as a server sees it."""

    method: str = "POST"
    authority: str = "eval.example.com:8443"
    path: str = "/v1/evaluate"
    query: str = "epoch=2026q4&generation=0&evaluator=1&quorum=1,3&proof=0"
    body: bytes = bytes(64)
    headers: tuple[tuple[str, str], ...] = ()

    def signed(self, nonce: str = "n" * 16, created: int = NOW) -> "Sent":
        headers = sign_request(
            self.method, self.authority, self.path, self.query, self.body, KEY, created, nonce
        )
        return replace(self, headers=tuple((k.lower(), v) for k, v in headers.items()))

    def changed(self, name: str, before: str, after: str) -> "Sent":
        headers = dict(self.headers)
        assert before in headers[name]
        headers[name] = headers[name].replace(before, after, 1)
        return replace(self, headers=tuple(headers.items()))

    def verified(self, now: int = NOW) -> str:
        keys = {KEY.id: KEY.public, OTHER.id: OTHER.public}
        return verify_request(
            self.method,
            self.authority,
            self.path,
            self.query,
            self.body,
            dict(self.headers),
            keys,
            now,
        )


def test_the_example_of_rfc_9421_b_2_6() -> None:
    """The RFC's key, components, base and signature; the base is built by our function."""
    public = unb64("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
    components = {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "@method": "POST",
        "@path": "/foo",
        "@authority": "example.com",
        "content-type": "application/json",
        "content-length": "18",
    }
    listed = " ".join(f'"{name}"' for name in components)
    base = signature_base(components, f'({listed});created=1618884473;keyid="test-key-ed25519"')
    signature = unb64(
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    )
    verify(public, signature, base)
    with pytest.raises(NotTrusted):
        verify(public, signature, base.replace(b"/foo", b"/bar"))


def test_the_rfcs_private_key_makes_the_same_signature() -> None:
    seed = unb64("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=")
    assert SigningKey.from_seed(seed).public == unb64(
        "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
    )


def test_the_digests_of_rfc_9530() -> None:
    """Appendices B.1 and D of the RFC."""
    assert (
        content_digest(b'{"hello": "world"}\n')
        == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    )
    assert (
        content_digest(b'{"hello": "world"}')
        == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    )


def test_the_base_is_the_one_written_down() -> None:
    """Byte for byte, so that another implementation can be held against it."""
    headers = dict(Sent(body=b"").signed().headers)
    digest = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    params = (
        '("@method" "@authority" "@path" "@query" "content-digest");created=1796000000;'
        f'nonce="nnnnnnnnnnnnnnnn";keyid="{KEY.id}";tag="stillwatch-evaluate"'
    )
    base = (
        '"@method": POST\n'
        '"@authority": eval.example.com:8443\n'
        '"@path": /v1/evaluate\n'
        '"@query": ?epoch=2026q4&generation=0&evaluator=1&quorum=1,3&proof=0\n'
        f'"content-digest": {digest}\n'
        f'"@signature-params": {params}'
    )
    assert headers["content-digest"] == digest
    assert headers["signature-input"] == f"sw={params}"
    verify(KEY.public, unb64(headers["signature"][4:-1]), base.encode())


def test_a_signed_request_names_its_key() -> None:
    sent = Sent().signed("once-and-only-once")
    assert sent.verified() == KEY.id
    said = read_parameters(dict(sent.headers))
    assert (said.created, said.nonce, said.key) == (NOW, "once-and-only-once", KEY.id)


def test_the_host_is_compared_without_its_case() -> None:
    assert replace(Sent().signed(), authority="EVAL.example.com:8443").verified() == KEY.id


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"authority": "other.example.com:8443"},
        {"path": "/v1/evaluate/"},
        {"query": Sent.query.replace("evaluator=1", "evaluator=2")},
        {"query": ""},
        {"body": bytes(63) + b"\1"},
        {"body": b""},
        {"headers": ()},
    ],
)
def test_a_changed_request_is_not_believed(changed: dict[str, object]) -> None:
    with pytest.raises(NotTrusted):
        replace(Sent().signed(), **changed).verified()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "before", "after"),
    [
        ("signature-input", f"created={NOW}", f"created={NOW + 1}"),
        ("signature-input", f"created={NOW}", f"created=0{NOW}"),
        ("signature-input", f"created={NOW}", f"created=-{NOW}"),
        ("signature-input", f"created={NOW}", "created=" + "9" * 5000),
        ("signature-input", KEY.id, OTHER.id),
        ("signature-input", KEY.id, b64url(bytes(32))),
        ("signature-input", "nnnnnnnnnnnnnnnn", "nnnnnnnnnnnnnnnm"),
        ("signature-input", "nnnnnnnnnnnnnnnn", ""),
        ("signature-input", '"@query" ', ""),
        ("signature-input", '"@query" ', '"@query"  '),
        ("signature-input", '"@query"', '"@query";req'),
        ("signature-input", ";tag=", ';alg="hmac-sha256";tag='),
        ("signature-input", "stillwatch-evaluate", "something-else"),
        ("signature-input", "sw=", "sw1="),
        ("signature-input", "sw=", "a=(),sw="),
        ("signature", "sw=:", "sw=:A"),
        ("signature", "==:", "==:, sw=:AAAA:"),
        ("signature", "==:", "==: "),
        ("content-digest", "sha-256=", "sha-512="),
        ("content-digest", "sha-256=", "md5=:AAAA:, sha-256="),
    ],
)
def test_changed_headers_are_not_believed(header: str, before: str, after: str) -> None:
    with pytest.raises(NotTrusted):
        Sent().signed().changed(header, before, after).verified()


def test_a_second_spelling_of_the_signature_is_not_believed() -> None:
    """The last sextet's spare bits would make a second signature of one request."""
    sent = Sent().signed()
    last = dict(sent.headers)["signature"][-4]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = letters[letters.index(last) + 1]
    with pytest.raises(NotTrusted, match="spelling"):
        sent.changed("signature", f"{last}==:", f"{other}==:").verified()


@pytest.mark.parametrize("away", [-WINDOW_S - 1, WINDOW_S + 1])
def test_a_signature_out_of_the_window_is_not_believed(away: int) -> None:
    sent = Sent().signed()
    assert sent.verified(NOW + WINDOW_S) == sent.verified(NOW - WINDOW_S) == KEY.id
    with pytest.raises(NotTrusted, match="clock"):
        sent.verified(NOW + away)


def test_a_key_that_is_no_members_is_not_believed() -> None:
    sent = Sent().signed()
    with pytest.raises(NotTrusted, match="no key of a member"):
        verify_request(
            sent.method, sent.authority, sent.path, sent.query, sent.body,
            dict(sent.headers), {OTHER.id: OTHER.public}, NOW,
        )  # fmt: skip


@pytest.mark.parametrize("nonce", ["short", "x" * 65, 'a"b' * 8, "ä" * 20, "line\nbreak" * 2])
def test_a_nonce_that_could_not_travel_is_refused(nonce: str) -> None:
    with pytest.raises(InputError):
        Sent().signed(nonce)


@pytest.mark.parametrize("field", ["method", "authority", "path", "query"])
def test_no_component_can_pass_for_two(field: str) -> None:
    with pytest.raises(NotTrusted, match="line break"):
        replace(Sent(), **{field: 'x\n"@path": /other'}).signed()  # type: ignore[arg-type]


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser(text: str) -> None:
    with pytest.raises(NotTrusted):
        read_parameters({"signature-input": text})


@given(st.binary(max_size=200), st.text("abcdef=&,0123456789%", max_size=60))
def test_what_is_signed_is_believed(body: bytes, query: str) -> None:
    assert Sent(body=body, query=query).signed(new_nonce()).verified() == KEY.id


def test_the_components_are_those_of_the_profile() -> None:
    assert COVERED == ("@method", "@authority", "@path", "@query", "content-digest")
