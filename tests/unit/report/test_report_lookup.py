from dataclasses import replace

import pytest
from report_samples import sample

from stillwatch.domain.finding import AccountFinding, CampaignFinding
from stillwatch.errors import InputError
from stillwatch.report.lookup import UnflaggedAccount, campaign_of, closest_ids, look_up
from stillwatch.report.result import read_result, write_result


@pytest.fixture
def result(tmp_path):
    write_result(tmp_path, *sample())
    return read_result(tmp_path)


def test_flagged_accounts_and_campaigns_are_found(result):
    assert look_up(result, result.flagged[3].account_id) == (result.flagged[3],)
    assert look_up(result, result.campaigns[1].campaign_id) == (result.campaigns[1],)


def test_an_account_that_was_not_flagged_is_found_in_the_table(result):
    (entry,) = look_up(result, "user_0000003")
    assert isinstance(entry, UnflaggedAccount)
    row = result.accounts(filters=[("account_id", "=", "user_0000003")]).to_pylist()[0]
    assert (entry.score, entry.p_value, entry.events) == (
        row["score"],
        row["p_value"],
        row["events"],
    )
    assert entry.record()["flagged"] is False


def test_an_account_with_a_campaigns_id_hides_neither(tmp_path):
    summary, accounts, flagged, campaigns = sample()
    campaigns[0] = replace(campaigns[0], campaign_id=flagged[0].account_id)
    write_result(tmp_path, summary, accounts, flagged, campaigns)
    found = look_up(read_result(tmp_path), flagged[0].account_id)
    assert [type(entry) for entry in found] == [CampaignFinding, AccountFinding]


def test_an_account_without_a_p_value_is_found(tmp_path):
    summary, accounts, flagged, campaigns = sample()
    rows = accounts.to_pylist()
    rows[-1] |= {"p_value": float("nan"), "score": None, "reasons": None}
    table = accounts.from_pylist(rows, accounts.schema)
    write_result(tmp_path, summary, table, flagged, campaigns)
    (entry,) = look_up(read_result(tmp_path), rows[-1]["account_id"])
    assert (entry.p_value, entry.score, entry.reasons) == (None, None, ())


def test_an_unknown_id_names_the_closest(result):
    with pytest.raises(
        InputError, match=r"no account or campaign 'acct_000000x'.*closest: acct_00"
    ):
        look_up(result, "acct_000000x")


def test_an_id_cut_short_finds_the_whole(result):
    name = result.campaigns[0].campaign_id
    assert closest_ids(result, name[:16])[0] == name
    assert "acct_0000011" in closest_ids(result, "acct_000001")


def test_an_empty_result_has_no_closest_id(tmp_path):
    write_result(tmp_path, *sample(0, 0, 0))
    with pytest.raises(InputError, match="the result holds no accounts"):
        look_up(read_result(tmp_path), "a")


def test_the_campaign_of_an_account_is_found_if_it_was_reported(result):
    account = result.flagged[0]
    assert campaign_of(result, account.campaign_id).campaign_id == account.campaign_id
    assert campaign_of(result, "never reported") is None
    assert campaign_of(result, None) is None
