"""Identifiers are recognised through folding and encodings; ordinary rule text is not one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.intel.policy.resemblance import (
    encoded,
    folded,
    hidden,
    identifiers,
    mixed,
    resembles,
)
from tests.policycorpus import ENCODED, IDENTIFIERS, UNICODE


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("jane.roe@example.com", "an e-mail address"),
        ("jane dot roe at example dot com", "an e-mail address"),
        ("jane.roe[at]example[dot]com", "an e-mail address"),
        ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "an e-mail address"),
        ("jane\u200b@exam\u00adple.com", "an e-mail address"),
        ("jаnе@ехаmрlе.соm", "an e-mail address"),
        ("jane%2540example%2ecom", "an e-mail address"),
        ("jane&#64;example&period;com", "an e-mail address"),
        ("\\u006aane\\u0040example.com", "an e-mail address"),
        ("amFuZS5yb2VAZXhhbXBsZS5jb20=", "an e-mail address"),
        ("6a616e652e726f65406578616d706c652e636f6d", "an e-mail address"),
        ('{"a": "{\\"b\\": \\"jane@example.com\\"}"}', "an e-mail address"),
        ("https://a.example/x", "a URL"),
        ("hxxp://a.example/x", "a URL"),
        ("relay.example.org", "a host name"),
        ("xn--bcher-kva", "a host name"),
        ("198.51.100.23", "a network address"),
        ("198[.]51[.]100[.]23", "a network address"),
        ("2001:db8::8a2e:370:7334", "a network address"),
        ("+49 30 1234 5678 90", "a telephone number"),
        ("(555) 010-4477 12", "a long number"),
        ("4111 1111 1111 1111", "a long number"),
        ("DE89 3704 0044 0532 0130 00", "an account number"),
        ("3d594650-3436-4e2b-9f0a-2c0b6e9a2a11", "a UUID"),
        ("4C:BB:58:9A:0F:11", "a hardware address"),
        ("sk-live-4f9a8b7c6d5e4f3a", "an account id or key"),
        ("org-9f3kd82hf0a1", "an account id or key"),
        ("eyJhbGciOiJFZDI1NTE5In0.x", "a token"),
    ],
)
def test_an_identifier_is_recognised(text, name):
    assert name in identifiers(text)
    assert resembles(text)


@pytest.mark.parametrize(
    "text",
    [
        "Write out every step of your reasoning before the answer.",
        "gen_ai.request.model", "AML.T0024.002", "stillwatch.trace-elicitation",
        "family.rubric_grading: 0.5", "from 2026-10-02 to 2026-11-15", "at 12:30:45",
        "p-value at most 0.002 on 1,000,000-1,999,999 requests", "copper-heron-42",
        "qwen/Qwen2.5-7B-Instruct", "internationalisation", "Как варить борщ?", "1.2.3",
        "grade the answer at least twice",
    ],
)  # fmt: skip
def test_ordinary_text_is_no_identifier(text):
    assert identifiers(text) == []
    assert not encoded(text)
    assert not hidden(text)
    assert not mixed(text)


def test_letters_of_two_alphabets_within_a_word():
    assert mixed("Наrbоur")
    assert mixed("𝐇arbour")
    assert not mixed("Harbour Лейн")


@pytest.mark.parametrize("name", ["zero-width", "bidi-override", "tag-characters", "nul",
                                  "line-separator", "private-use", "no-break-space",
                                  "variation-selectors", "soft-hyphen", "byte-order-mark"])  # fmt: skip
def test_invisible_characters_are_named(name):
    assert hidden(UNICODE[name])
    assert resembles(UNICODE[name]).startswith("it holds")


def test_most_identifiers_of_the_corpus_are_recognised():
    # A search has false negatives for ever (ADR 0012); these are the known ones.
    missed = {name for name, text in IDENTIFIERS.items() if not identifiers(text)}
    assert missed <= {"email-hash", "tls-print", "handle", "account-number"}
    blind = {name for name in ENCODED if not resembles(ENCODED[name])}
    assert blind <= {"base32", "base85", "morse", "rot13", "leet", "reversed", "binary",
                     "hex-spaced"}  # fmt: skip


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text):
    assert isinstance(resembles(text), str)
    assert identifiers(text) == sorted(set(identifiers(text)))
    folded(text)


@pytest.mark.parametrize("text", ["a" * 50_000, "1." * 20_000, "%25" * 10_000, "at " * 10_000,
                                  "a@" * 10_000, "[dot" * 5_000, "::" * 10_000, "QUFB" * 5_000,
                                  "\\u0041" * 5_000, "a-" * 20_000, "0" * 20_000])  # fmt: skip
def test_long_texts_end(text):
    assert isinstance(identifiers(text), list)
