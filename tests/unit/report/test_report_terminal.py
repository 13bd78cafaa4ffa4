import io
import re
from dataclasses import replace

import pytest
from report_samples import hostile, sample
from rich.console import Console

from stillwatch.report.lookup import look_up
from stillwatch.report.result import read_result, write_result
from stillwatch.report.terminal import print_entry, print_summary


def shown(act, width=100):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    act(console)
    return console.file.getvalue()


def explained(result, ident):
    (entry,) = look_up(result, ident)
    return shown(lambda console: print_entry(result, entry, console), width=200)


@pytest.fixture
def result(tmp_path):
    write_result(tmp_path, *sample(flagged=40, campaigns=7))
    return read_result(tmp_path)


def test_a_run_is_summed_up_in_few_lines(result):
    text = shown(lambda console: print_summary(result, console))
    assert "7 campaigns and 40 accounts stood out" in text
    assert "expect at most 2 to be innocent" in text
    assert "17 rows quarantined" in text
    assert result.campaigns[0].campaign_id in text
    assert "and 2 more" in text
    assert "not seen: Whether answers are harvested" in text
    assert f"report: {result.page}" in text.replace("\n", "")
    assert text.count("\n") < 30


def test_no_finding_is_said_with_what_was_not_seen(tmp_path):
    write_result(tmp_path, *sample(0, 0, 20))
    text = shown(lambda console: print_summary(read_result(tmp_path), console))
    assert text.startswith("No account or campaign stood out")
    assert "not seen:" in text
    assert "innocent (" not in text


def test_a_campaign_is_explained(result):
    campaign = max(result.campaigns, key=lambda c: len(c.accounts))
    text = explained(result, campaign.campaign_id)
    assert f"{len(campaign.accounts)} accounts" in text
    assert campaign.reasons[0].sentence in text
    assert campaign.links[0].sentence in text
    assert campaign.exemplars[0].splitlines()[0][:80] in text
    assert "An evaluation harness" in text
    assert campaign.accounts[0] in text


def test_members_are_cut_with_a_count(tmp_path):
    summary, accounts, flagged, campaigns = sample(flagged=40, campaigns=1)
    campaigns[0] = replace(campaigns[0], accounts=tuple(f.account_id for f in flagged))
    write_result(tmp_path, summary, accounts, flagged, campaigns)
    text = explained(read_result(tmp_path), campaigns[0].campaign_id)
    assert "and 28 more, all in campaigns.parquet" in " ".join(text.split())


def test_a_flagged_account_is_explained_with_its_campaign(result):
    account = next(a for a in result.flagged if a.campaign_id)
    text = explained(result, account.account_id)
    assert "flagged, p = " in text
    assert str(account.campaign_id) in text
    assert account.reasons[0].sentence in text
    assert "what holds the campaign together" in text


def test_reasons_are_strongest_first_and_at_most_six(tmp_path):
    summary, accounts, flagged, campaigns = sample(flagged=1, campaigns=0)
    reason = flagged[0].reasons[0]
    many = tuple(replace(reason, sentence=f"sentence {n}") for n in range(9))
    write_result(tmp_path, summary, accounts, [replace(flagged[0], reasons=many)], campaigns)
    text = explained(read_result(tmp_path), flagged[0].account_id)
    assert re.findall(r"sentence (\d)", text) == list("012345")
    assert "and 3 weaker signals" in text


def test_an_account_that_was_not_flagged_is_not_called_flagged(result):
    text = explained(result, "user_0000001")
    assert "not flagged, p = " in text
    assert "no single signal stands out" in text


def test_an_exempt_account_is_explained(tmp_path):
    summary, accounts, flagged, campaigns = sample(flagged=1, campaigns=0)
    exempt = replace(flagged[0], account_id="user_0000000", flagged=False, exempt="benchmarking")
    write_result(tmp_path, summary, accounts, [*flagged, exempt], campaigns)
    text = explained(read_result(tmp_path), "user_0000000")
    assert "exempt (benchmarking): not flagged whatever its score" in text


def test_hostile_text_neither_drives_the_terminal_nor_is_read_as_markup(tmp_path):
    write_result(tmp_path, *hostile())
    result = read_result(tmp_path)
    text = shown(lambda console: print_summary(result, console), width=200)
    for entry in (*result.campaigns, *result.flagged):
        text += shown(lambda console, e=entry: print_entry(result, e, console), width=200)
    assert not re.search("[\x00-\x09\x0b-\x1f\u200b\u202a-\u202e\u2066-\u2069]", text)
    assert "⟨U+001B⟩" in text
    assert "[bold red]markup[/]" in text
