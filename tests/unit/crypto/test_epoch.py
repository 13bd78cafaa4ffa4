"""Which epochs count on which day, and what can be one."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.epoch import (
    Epoch,
    Evaluator,
    accepted,
    current,
    days_from,
    next_start,
)
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.ristretto import IDENTITY
from stillwatch.crypto.threshold import proof_context
from stillwatch.errors import InputError, NotTrusted
from tests.epochs import dealt_epoch

DEALT = dealt_epoch()
EPOCH = DEALT.epoch


def evaluator(place=0, **changes):
    return replace(EPOCH.evaluators[place], **changes)


def test_an_epoch_survives_json():
    assert Epoch.from_json(EPOCH.to_json()) == EPOCH
    assert Epoch.from_json({**EPOCH.to_json(), "signatures": {}}) == EPOCH


def test_epochs_last_90_days_and_share_7():
    starts, ends = days_from(date(2026, 10, 1))
    assert (ends - starts).days + 1 == 90
    following = next_start(replace(EPOCH, starts=starts, ends=ends))
    assert (ends - following).days + 1 == 7


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_on_every_day_one_epoch_is_current_and_at_most_two_count(day):
    epochs, starts = [], date(2025, 12, 1)
    while starts <= date(2028, 1, 1):
        first, last = days_from(starts)
        epoch = replace(dealt_epoch().epoch, name=f"e{starts}", starts=first, ends=last)
        epochs.append(epoch)
        starts = next_start(epoch)
    now, counting = current(epochs, day), accepted(epochs, day)
    assert now is counting[0]
    assert len(counting) in (1, 2)
    assert all(epoch.covers(day) for epoch in counting)
    assert now.starts == max(epoch.starts for epoch in counting)
    if len(counting) == 2:
        assert (counting[1].ends - day).days < 7


def test_outside_every_epoch_none_counts():
    before, after = EPOCH.starts - timedelta(1), EPOCH.ends + timedelta(1)
    for day in (before, after):
        assert current([EPOCH], day) is None
        assert accepted([EPOCH], day) == ()
    assert current([EPOCH], EPOCH.starts) == current([EPOCH], EPOCH.ends) == EPOCH


def test_of_one_epoch_the_newest_shares_count():
    refreshed = replace(EPOCH, generation=1)
    assert accepted([refreshed, EPOCH, EPOCH], EPOCH.starts) == (refreshed,)


def test_two_keys_or_two_sharings_under_one_name_are_never_chosen_between():
    other = dealt_epoch(keys=DEALT.keys).epoch
    with pytest.raises(NotTrusted, match="two keys"):
        accepted([EPOCH, other], EPOCH.starts)
    moved = replace(
        EPOCH, evaluators=(evaluator(0, url="https://b.example.com"), *EPOCH.evaluators[1:])
    )
    with pytest.raises(NotTrusted, match="two documents"):
        accepted([EPOCH, moved], EPOCH.starts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "2026|q4"}, "no name of an epoch"),
        ({"name": ""}, "no name of an epoch"),
        ({"name": "a" * 65}, "no name of an epoch"),
        ({"threshold": 1}, "1 of 3 is no sharing"),
        ({"threshold": 4}, "4 of 3 is no sharing"),
        ({"evaluators": ()}, "2 of 0"),
        ({"evaluators": EPOCH.evaluators[::-1]}, "not ascending"),
        ({"evaluators": (EPOCH.evaluators[0],) * 2}, "not ascending"),
        ({"evaluators": (evaluator(0), evaluator(1, member=evaluator(0).member))}, "one member"),
        ({"evaluators": (evaluator(0), evaluator(1, key_id=evaluator(0).key_id))}, "one key_id"),
        ({"public_key": IDENTITY}, "identity"),
        ({"generation": -1}, "no generation"),
        ({"ends": EPOCH.starts - timedelta(1)}, "not 1 to 90 days"),
        ({"ends": EPOCH.starts + timedelta(90)}, "not 1 to 90 days"),
        ({"transcript": b"short"}, "no SHA-256"),
    ],
)
def test_what_can_be_no_epoch_is_refused(changes, said):
    with pytest.raises(InputError, match=said.replace("|", r"\|")):
        replace(EPOCH, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"index": 0}, "from 1 to 255"),
        ({"index": True}, "from 1 to 255"),
        ({"member": "alpha"}, "no identity-- id"),
        ({"key_id": "x"}, "no key id"),
        ({"public_share": IDENTITY}, "identity"),
        ({"url": "http://evaluator.example.com"}, "unprotected"),
        ({"url": "http://192.0.2.1:8080"}, "unprotected"),
        ({"url": "ftp://example.com"}, "unprotected"),
        ({"url": "https://user:pass@example.com"}, "no address"),
        ({"url": "https://example.com/?x=1"}, "no address"),
        ({"url": "https://example.com#x"}, "no address"),
        ({"url": "https://example.com/"}, "slash at the end"),
        ({"url": "https://[::1"}, "no address"),
        ({"url": "https://example.com:99999"}, "no address"),
        ({"url": "https://" + "a" * 600}, "no address"),
        ({"url": ""}, "no address"),
    ],
)
def test_what_can_be_no_evaluator_is_refused(changes, said):
    with pytest.raises(InputError, match=said):
        evaluator(**changes)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8001", "http://[::1]:1", "https://example.com/e"]
)
def test_addresses_that_protect_the_answers_are_taken(url):
    assert evaluator(url=url).url == url


def test_a_quorum_is_of_the_epoch_and_large_enough():
    assert str(EPOCH.quorum([3, 1])) == "1,3"
    for indices in ([1], [1, 4], [1, 1]):
        with pytest.raises(InputError):
            EPOCH.quorum(indices)
    assert EPOCH.public_share(2) == DEALT.shares[1].public
    assert EPOCH.proof_context(2) == proof_context(EPOCH.name, EPOCH.generation, 2)


def _set(document, path, value):
    *parents, last = path
    for part in parents:
        document = document[part]
    if value is KeyError:
        del document[last]
    else:
        document[last] = value


PLACES = [(name,) for name in EPOCH.to_json()] + [
    ("evaluators", 0, name) for name in EPOCH.to_json()["evaluators"][0]
]


@pytest.mark.parametrize("path", PLACES, ids=str)
@pytest.mark.parametrize(
    "value", [None, True, 1.5, [], {}, "", "é", KeyError, -1, "A" * 44], ids=str
)
def test_any_member_of_any_other_kind_is_refused_with_an_error_of_ours(path, value):
    document = EPOCH.to_json()
    if path == ("transcript",) and value == "":
        return
    _set(document, path, value)
    with pytest.raises(InputError):
        Epoch.from_json(document)


@pytest.mark.parametrize("value", [None, [], "epoch", 3, {}, {"type": "stillwatch-epoch"}])
def test_what_is_no_document_is_refused(value):
    with pytest.raises(InputError):
        Epoch.from_json(value)
    with pytest.raises(InputError):
        Epoch.from_json({**EPOCH.to_json(), "more": 1})


def test_an_evaluator_is_of_a_member_not_of_a_name():
    key = SigningKey.generate()
    with pytest.raises(InputError):
        Evaluator(1, "beta", key.id, "https://example.com", EPOCH.public_key)
