"""Every command in the documentation exists, every path is there, and the tutorial runs."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from stillwatch import __version__
from stillwatch.cli import app
from stillwatch.config import load_config
from stillwatch.detection.rules import load_rules
from stillwatch.detection.travelling import failing_samples
from stillwatch.intel.sigma import parse_rule
from stillwatch.logs.mapping import read_mapping
from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.store import read_profiles
from stillwatch.provenance.panel import read_panel
from tests.docs.reading import (
    ROOT,
    Command,
    blocks,
    commands,
    links,
    name,
    pages,
    paths,
    transcripts,
)

RUN = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
MAPPING = ROOT / "docs" / "how-to" / "map-your-own-log.md"
RULES = ROOT / "docs" / "how-to" / "write-a-rule.md"
SHARED_RULE = ROOT / "docs" / "how-to" / "share-a-rule.md"
PRIVACY = ROOT / "docs" / "design" / "privacy.md"
MAKE_TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
COMMANDS = [command for page in pages() for command in commands(page)]
OURS = [command for command in COMMANDS if command.words[0] == "stillwatch"]


def _parse(words: list[str]) -> None:
    """Parse as the program would, without running; raises for what does not exist."""
    command = get_command(app)
    while words and isinstance(command, TyperGroup):
        context = typer.Context(command)
        if command.name == "correlate" and not command.get_command(context, words[0]):
            words = ["run", *words]  # which may be left out
        command = command.get_command(context, words[0])
        if command is None:
            raise KeyError(words[0])
        words = words[1:]
    if "--help" not in words:
        command.make_context("snippet", list(words))


def test_there_are_commands_to_check():
    assert {"README.md", "docs/tutorial.md"} <= {command.page for command in OURS}


@pytest.mark.parametrize("command", OURS, ids=str)
def test_a_command_parses(command: Command):
    _parse(command.words[1:])


def test_parsing_refuses_what_does_not_exist():
    with pytest.raises(KeyError):
        _parse(["detectt", "x"])
    with pytest.raises(Exception, match="No such option"):
        _parse(["detect", "x", "--outt", "y"])


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.words[0] == "make"], ids=str)
def test_a_make_target_exists(command: Command):
    targets = [word for word in command.words[1:] if "=" not in word]
    assert targets
    assert set(targets) <= MAKE_TARGETS


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_and_paths_lead_somewhere(page: Path):
    missing = [link for link in links(page) if not (page.parent / link).exists()]
    missing += [path for path in paths(page) if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_page_speaks_of_no_machine(page: Path):
    assert not re.search(r"(?<![\w.])/(work|tmp|root|home)/", page.read_text(encoding="utf-8"))


def test_the_changelog_begins_with_this_version():
    newest = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == __version__


def _plain(text: str) -> str:
    """Text without what differs between windows and runs: line breaks, padding, seconds."""
    return re.sub(r"\d+\.\d s\b|\d+ min \d+ s\b", "# s", " ".join(text.split()))


def _run(command: Command, shown: list[str]) -> None:
    result = CliRunner().invoke(app, command.words[1:], env={"COLUMNS": "96"})
    assert result.exit_code == 0, f"{command.line}: {result.output}{result.exception!r}"
    missing = [line for line in shown if _plain(line) not in _plain(result.stdout)]
    assert not missing, f"{command.page} shows of {command.line!r} what is not so:\n{result.stdout}"


@pytest.mark.parametrize("page", RUN, ids=name)
def test_a_page_runs_in_order_and_prints_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    ran = transcripts(page)
    assert len(ran) >= 5
    for command, shown in ran:
        _run(command, shown)
    summaries = [json.loads(path.read_text()) for path in tmp_path.glob("*/summary.json")]
    assert summaries
    # the tutorial detects from logs and from profiles: both must have seen the same
    assert len({(s["events"], s["flagged"], s["campaigns"]) for s in summaries}) == 1


def test_the_example_mapping_prints_what_the_how_to_shows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    (run,) = (t for t in transcripts(MAPPING) if "examples/" in t[0].line)
    assert len(run[1]) > 8
    _run(*run)


def test_the_rules_of_the_how_to_load(tmp_path: Path):
    family, rule = (text for language, text in blocks(RULES) if language == "yaml")
    shutil.copytree(ROOT / "rules", tmp_path, dirs_exist_ok=True)
    (tmp_path / "phrases" / "flashcards.yaml").write_text(family)
    (tmp_path / "detection" / "flashcard-harvest.yaml").write_text(rule)
    families = load_families(tmp_path / "phrases")
    assert "flashcards" in FamilyTable.compile(families).names
    (mine,) = (r for r in load_rules(tmp_path / "detection") if r.id == "flashcard-harvest")
    assert {c.name for c in mine.conditions if c.name.startswith("family.")} == {
        "family.flashcards"
    }
    assert all(mine.matches(sample) for sample in mine.samples["match"])
    assert not any(mine.matches(sample) for sample in mine.samples["no_match"])


def test_the_rule_that_travels_is_valid_and_passes_its_samples():
    (text,) = (text for language, text in blocks(SHARED_RULE) if language == "yaml")
    families = FamilyTable.compile(load_families(shipped_rules() / "phrases"))
    assert failing_samples(parse_rule(text), families) == ()


@pytest.mark.parametrize("page", pages(), ids=name)
def test_toml_blocks_are_settings_or_mappings(page: Path, tmp_path: Path):
    (tmp_path / "our-rules").mkdir()
    (tmp_path / "our-layout.toml").write_text('[columns]\nprompt = "text"\n')
    for language, text in blocks(page):
        if language == "toml":
            file = tmp_path / "snippet.toml"
            file.write_text(text)
            if "[[ours]]" in text:
                assert read_panel(file).controls
                continue
            is_mapping = "[columns]" in text
            assert read_mapping(file).columns if is_mapping else load_config(file)


def test_an_account_is_deleted_as_the_page_says(tmp_path: Path):
    log = ROOT / "examples" / "logs" / "canonical.jsonl"
    CliRunner().invoke(app, ["profile", str(log), "--out", str(tmp_path / "all.parquet")])
    before = read_profiles(tmp_path / "all.parquet")
    gone = before.account_ids[0]
    (code,) = (text for language, text in blocks(PRIVACY) if language == "python")
    script = code.replace("acct_to_forget", gone)
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    after = read_profiles(tmp_path / "all.parquet")
    assert list(after.account_ids) == list(before.account_ids[1:])
    assert after.families == before.families
