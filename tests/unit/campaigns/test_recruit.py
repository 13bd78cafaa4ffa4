"""Recruits: the campaign's own phrases bring in an account, everybody's phrases bring in nobody."""

import zlib
from typing import Any

import numpy as np
import pytest

from stillwatch.campaigns.recruit import recruit
from stillwatch.campaigns.streams import streams_of
from tests.profiling import profiled
from tests.support import event

SCAFFOLD = "first restate the task then reason through every step and only then answer about"
OTHERS = "write me a friendly note to my neighbour who keeps parking in front of the garage and"
MEMBERS = 8


def word(n: int) -> str:
    return "".join(chr(97 + int(digit)) * 3 for digit in str(n))


def accounts(name: str, count: int, scaffolded: int, cover: int, **same: Any) -> list[Any]:
    """``count`` accounts, each with some prompts of the scaffold and some of their own."""
    rows = []
    for a in range(count):
        for i in range(scaffolded + cover):
            n = zlib.crc32(f"{name} {a} {i}".encode())
            about = same.get("about", word(n))
            prompt = f"{SCAFFOLD} {about}" if i < scaffolded else f"{word(n)} {word(n + 1)} {i}"
            rows.append((f"{name}{a:02d}", prompt))
    return rows


def recruited(*groups: list[Any], usable: bool = True) -> dict[str, int]:
    """Who joins the campaign of the accounts ``member``, and by how many prompts."""
    rows = [row for group in groups for row in group]
    table = profiled([event(n, account_id=a, prompt=p) for n, (a, p) in enumerate(rows)])
    streams = streams_of(table.profiles)
    members = np.flatnonzero([name.startswith("member") for name in table.account_ids])
    found = recruit(
        table.profiles,
        streams,
        [members],
        [np.flatnonzero(np.isin(streams.owner, members))],
        np.full(table.profiles.size, usable),
    )
    assert (found.campaign == 0).all()
    return {
        table.account_ids[row]: n
        for row, n in zip(found.row.tolist(), found.requests.tolist(), strict=True)
    }


CAMPAIGN = accounts("member", MEMBERS, 12, 0)
STRANGERS = accounts("stranger", 30, 0, 10)


def test_two_prompts_with_the_scaffold_are_enough() -> None:
    assert recruited(CAMPAIGN, STRANGERS, accounts("hidden", 3, 2, 12)) == {
        f"hidden{a:02d}": 2 for a in range(3)
    }


def test_one_prompt_is_an_accident() -> None:
    assert recruited(CAMPAIGN, STRANGERS, accounts("curious", 3, 1, 12)) == {}


def test_the_same_prompt_again_is_one_prompt() -> None:
    again = accounts("again", 3, 4, 8, about="the weather in may")
    assert recruited(CAMPAIGN, STRANGERS, again) == {}


@pytest.mark.parametrize(("holders", "join"), [(3, 3), (MEMBERS, 0)])
def test_a_scaffold_that_went_round_recruits_nobody(holders: int, join: int) -> None:
    assert len(recruited(CAMPAIGN, STRANGERS, accounts("viral", holders, 3, 9))) == join


def test_exempt_accounts_are_left_alone() -> None:
    assert recruited(CAMPAIGN, STRANGERS, accounts("hidden", 3, 2, 12), usable=False) == {}


def test_no_campaign_recruits_nobody() -> None:
    table = profiled([event(0, prompt=OTHERS)])
    found = recruit(table.profiles, streams_of(table.profiles), [], [], np.ones(1, dtype=np.bool_))
    assert found.row.size == found.campaign.size == found.requests.size == 0
    nobody = recruit(table.profiles[:0], streams_of(table.profiles[:0]), [], [], np.ones(0, bool))
    assert nobody.row.size == 0
