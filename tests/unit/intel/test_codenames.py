"""Code names depend on the random id alone and pass the policy."""

from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.claim import ClaimId
from stillwatch.intel.codenames import code_name
from stillwatch.intel.ids import new_claim_id
from stillwatch.intel.policy.load import shipped


@given(st.uuids(version=4))
def test_a_name_is_two_listed_words_and_a_number(uuid):
    first, second, number = code_name(ClaimId(f"claim--{uuid}")).split("-")
    assert {first, second} <= set(shipped().words)
    assert 10 <= int(number) <= 99


def test_the_same_id_has_the_same_name_and_others_have_others():
    ids = [new_claim_id() for _ in range(200)]
    assert [code_name(i) for i in ids] == [code_name(i) for i in ids]
    assert len({code_name(i) for i in ids}) > 195
