"""The reference of quotas and states says what the code says."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.hub import quotas, redress
from stillwatch.hub.standing.tally import State

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference/governance.md").read_text(encoding="utf-8")


def test_every_tier_is_as_the_scheme_has_it():
    for tier in quotas.scheme().tiers:
        figures = [tier.needs.claims, tier.needs.opinions, *tier.quotas.values()]
        row = " | ".join(f"{figure:,}" for figure in figures)
        assert f"| `{tier.name}` | {row} |" in PAGE


def test_states_are_told_in_their_order():
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert rows[: len(State)] == list(State)


def test_every_reason_is_listed():
    assert all(f"`{reason}`" in PAGE for reason in redress.REASONS)
    assert f"{quotas.scheme().appeal_days} days at most" in PAGE
    assert f"last {quotas.scheme().window_days} days" in PAGE


@pytest.mark.parametrize("page", ["run-the-forum", "back-up-and-restore"])
def test_the_commands_of_a_page_run_in_their_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / f"how-to/{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) > 2
    for command in commands:
        ran = CliRunner().invoke(app, shlex.split(command)[1:])
        assert ran.exit_code == 0, (command, ran.output, ran.exception)
