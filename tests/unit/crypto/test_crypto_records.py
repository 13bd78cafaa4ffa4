import hashlib
import hmac

from stillwatch.crypto.records import claim_record, digest, entry, key_record, tag

SECRET = bytes(range(32))


def test_records_are_canonical_json():
    assert claim_record("c1", {"type": "note", "id": "x"}) == (
        b'{"collection":"c1","object":{"id":"x","type":"note"}}'
    )
    assert key_record({"b": 1, "a": 2}) == b'{"key":{"a":2,"b":1}}'


def test_an_entry_is_a_digest_and_a_tag():
    record = claim_record("c1", {"id": "x"})
    made = entry(record, SECRET, 258)
    message = b"stillwatch/audience" + bytes((0, 0, 0, 0, 0, 0, 1, 2))
    assert made[:32] == hashlib.sha256(record).digest() == digest(record)
    assert made[32:] == hmac.new(SECRET, message, hashlib.sha256).digest()[:16]
    assert len(made) == 48


def test_tags_of_one_audience_do_not_look_alike():
    assert len({tag(SECRET, index) for index in range(100)}) == 100
    assert tag(SECRET, 0) != tag(SECRET[::-1], 0)
