"""What a claim counts: nothing that fell, more when confirmed, less when doubted."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.intel.stix import to_stix
from stillwatch.sharing.weight import Said, expired, weigh
from tests.claims import examples

_SMALL = st.integers(0, 50)


@pytest.mark.parametrize("state", ["revoked", "expired", "frozen", "compromised", "replaced"])
def test_what_fell_counts_nothing_whatever_is_said(state: str) -> None:
    assert weigh(Said(100, confirmed=9, state=state)).value == 0
    assert weigh(Said(100, confirmed=9, signed=False)).value == 0


@given(st.integers(0, 100), _SMALL, _SMALL, _SMALL, st.sampled_from(["current", "suspended"]))
def test_each_voice_moves_the_weight_its_own_way(
    sure: int, confirmed: int, disputed: int, refuted: int, state: str
) -> None:
    here = weigh(Said(sure, confirmed, disputed, refuted, state)).value
    assert 0 <= here <= 1
    assert weigh(Said(sure, confirmed + 1, disputed, refuted, state)).value >= here
    assert weigh(Said(sure, confirmed, disputed + 1, refuted, state)).value <= here
    assert weigh(Said(sure, confirmed, disputed, refuted + 1, state)).value <= here


def test_a_claim_ends_with_its_last_instant() -> None:
    obj = to_stix(examples()["campaign"])
    assert not expired(obj, datetime(2027, 2, 17, 23, 59, tzinfo=UTC))
    assert expired(obj, datetime(2027, 2, 18, tzinfo=UTC))
    assert expired({}, datetime(2020, 1, 1, tzinfo=UTC))
