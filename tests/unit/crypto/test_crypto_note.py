"""Vectors of C2SP, of Go's sumdb/note, of transparency-dev/formats, and a checkpoint in the wild."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import (
    COSIGNATURE,
    MAX_NOTE,
    Checkpoint,
    Note,
    VerifierKey,
    cosign,
    parse_line,
    sign_note,
    verify_cosignature,
)
from stillwatch.errors import InputError, NotTrusted

# golang.org/x/mod/sumdb/note, note_test.go
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb"
    "6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33W"
    "Wd1RvMc+QQ=\n"
)

# A checkpoint of a public log with cosignatures of public witnesses.
WILD = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""
WILD_LOG = (
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
)
WILD_WITNESSES = (
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
)


def test_go_signs_the_same_note():
    secret = base64.b64decode(PETER_SECRET)
    key = SigningKey.from_seed(secret[1:])
    assert str(VerifierKey("PeterNeumann", key.public)) == PETER
    assert sign_note(TEXT, "PeterNeumann", key) == f"{TEXT}\n{PETER_LINE}"


def test_one_known_signature_is_enough_and_unknown_ones_are_ignored():
    note = Note.parse(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}")
    assert note.verify(VerifierKey.parse(PETER)) == TEXT
    assert note.verify(VerifierKey.parse(ENOCH)) == TEXT
    with pytest.raises(NotTrusted, match="not signed by EnochRoot"):
        Note.parse(f"{TEXT}\n{PETER_LINE}").verify(VerifierKey.parse(ENOCH))


def test_a_bad_line_of_a_known_key_spoils_the_note():
    bad = PETER_LINE[:60] + "ABCD" + PETER_LINE[60:]
    for lines in (bad, PETER_LINE + bad):
        with pytest.raises(NotTrusted, match="not one of key"):
            Note.parse(f"{TEXT}\n{lines}").verify(VerifierKey.parse(PETER))


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{PETER_LINE[:-1]}",
        f"\x01{TEXT}\n{PETER_LINE}",
        f"{TEXT}\r\n{PETER_LINE}",
        f"\ud800{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n— Bad Name x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZI=\n",
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{TEXT}\n- PeterNeumann x08go/ZJ\n",
        f"{TEXT}\n— PeterNeumann AAAA\n",
        f"{TEXT}\n— PeterNeumann AAAAAA\n",
        f"{TEXT}\n" + PETER_LINE * 257,
        "x" * MAX_NOTE + f"\n\n{PETER_LINE}",
    ],
)
def test_malformed_notes_of_the_go_tests_are_refused(note):
    with pytest.raises(NotTrusted):
        Note.parse(note)


def test_the_last_blank_line_separates():
    text = "one\n\ntwo\n"
    assert Note.parse(f"{text}\n{PETER_LINE}").text == text


@pytest.mark.parametrize("vkey", [PETER, ENOCH, WILD_LOG, *WILD_WITNESSES])
def test_published_keys_survive(vkey):
    assert str(VerifierKey.parse(vkey)) == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3",
        "rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "",
    ],
)
def test_bad_keys_are_refused(vkey):
    with pytest.raises(InputError):
        VerifierKey.parse(vkey)


def test_every_part_of_a_key_counts():
    for begin in range(len(PETER)):
        for end in range(begin + 1, len(PETER) + 1):
            if (begin, end) != (0, len(PETER)):
                with pytest.raises(InputError):
                    VerifierKey.parse(PETER[begin:end])


def test_the_example_of_the_signed_note_specification():
    note = Note.parse(
        "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi"
        "2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    )
    key = VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    assert note.verify(key) == "This is an example message.\n"


def test_a_checkpoint_in_the_wild_verifies_with_its_witnesses():
    note = Note.parse(WILD)
    checkpoint = Checkpoint.parse(note.verify(VerifierKey.parse(WILD_LOG)))
    assert checkpoint.origin == "arche2025h1.staging.ct.transparency.dev"
    assert checkpoint.size == 1432088532
    assert checkpoint.text == note.text
    seen = note.witnesses([VerifierKey.parse(key) for key in WILD_WITNESSES])
    assert seen == {key.partition("+")[0]: 0x6A122120 for key in WILD_WITNESSES}


def test_a_changed_checkpoint_in_the_wild_does_not():
    note = Note.parse(WILD.replace("1432088532", "1432088533"))
    with pytest.raises(NotTrusted):
        note.verify(VerifierKey.parse(WILD_LOG))
    with pytest.raises(NotTrusted):
        note.witnesses([VerifierKey.parse(WILD_WITNESSES[0])])


def test_a_cosignature_that_transparency_dev_made():
    note = base64.b64decode(
        "dmVjLmV4YW1wbGUvY29zaWd2MTAKNDIKQ3NVWWFwR0dQbzRka01nSUFVcW9tL1hhamo3aDJmQjJNUEEzajJqeHEyST"
        "0KCuKAlCB2ZWMuZXhhbXBsZS9jb3NpZ3YxMCB3U2FJMmdBQUFBQnFiTDVRM0hqYlRDSmVxTWczdG1wZFlHQWcwNWlq"
        "VGk3azBweXJlSlNVTG10djNnK3lYSCtHL0tvODdKRytRa0xGNmFmOStHVlZObEVJZ2Y2VDBidzB3UXlNRHc9PQo="
    ).decode()
    key = VerifierKey.parse(
        "vec.example/cosigv10+c12688da+BLMSTPoQj0PojM8eKiPf9xUT8g6b0OuMyvYb5sSu9JH5"
    )
    assert Note.parse(note).witnesses([key]) == {"vec.example/cosigv10": 0x6A6CBE50}


CHECKPOINT = Checkpoint("hub.example/log", 7, bytes(range(32)))
KEY = SigningKey.from_seed(bytes(range(32)))


def test_a_log_and_a_witness_sign_apart_with_one_key():
    """Signature types keep a witness's line from passing for the log's, and the other way."""
    note = sign_note(CHECKPOINT.text, "hub.example/log", KEY)
    line = cosign(CHECKPOINT.text, "hub.example/log", KEY, 1_700_000_000)
    log = VerifierKey("hub.example/log", KEY.public)
    witness = VerifierKey("hub.example/log", KEY.public, COSIGNATURE)
    parsed = Note.parse(note + line)
    assert Checkpoint.parse(parsed.verify(log)) == CHECKPOINT
    assert parsed.witnesses([witness]) == {"hub.example/log": 1_700_000_000}
    with pytest.raises(NotTrusted, match="not signed by"):
        parsed.verify(witness)
    with pytest.raises(NotTrusted, match="not signed by"):
        Note.parse(f"{CHECKPOINT.text}\n{line}").verify(log)
    with pytest.raises(NotTrusted, match="no cosignature"):
        verify_cosignature(parsed.signatures[0], CHECKPOINT.text, log)


@given(st.integers(0, 575))
def test_a_cosignature_binds_time_and_text(bit):
    witness = VerifierKey("w.example/1", KEY.public, COSIGNATURE)
    line = parse_line(cosign(CHECKPOINT.text, "w.example/1", KEY, 1_700_000_000)[:-1])
    assert verify_cosignature(line, CHECKPOINT.text, witness) == 1_700_000_000
    with pytest.raises(NotTrusted):
        verify_cosignature(line, CHECKPOINT.text.replace("7", "8", 1), witness)
    blob = bytearray(line.blob)
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotTrusted):
        verify_cosignature(type(line)(line.name, line.hash, bytes(blob)), CHECKPOINT.text, witness)
    with pytest.raises(NotTrusted, match="wrong length"):
        verify_cosignature(type(line)(line.name, line.hash, b"x"), CHECKPOINT.text, witness)


@pytest.mark.parametrize(
    "text",
    [
        "", "o\n1\n", "o\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n", "o\n01\n" + "A" * 43 + "=\n",
        "o\n-1\n" + "A" * 43 + "=\n", "o\n1e3\n" + "A" * 43 + "=\n", "o\n٣\n" + "A" * 43 + "=\n",
        "o\n9223372036854775808\n" + "A" * 43 + "=\n", "o\n1\n" + "A" * 43 + "=",
        "o\n1\n" + "A" * 43 + "=\nextension\n", "o\n1\n" + "A" * 42 + "B=\n", "o\n1\n***\n",
        "o\n" + "9" * 5000 + "\n" + "A" * 43 + "=\n",
    ],
)  # fmt: skip
def test_malformed_checkpoints_are_refused(text):
    with pytest.raises(NotTrusted):
        Checkpoint.parse(text)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_checkpoints_survive(size, root):
    checkpoint = Checkpoint("hub.example/log", size, root)
    assert Checkpoint.parse(checkpoint.text) == checkpoint
