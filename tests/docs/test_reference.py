"""The reference pages say what the code says."""

import dataclasses

import pytest
from docs.generate import PAGES, REFERENCE, command_paths, configuration, help_text
from docs.sharepages import SAID
from docs.tables import field_docs

from stillwatch.config import _SECTIONS, load_config
from stillwatch.detection.judge import DetectionOptions
from stillwatch.domain.finding import Reason
from stillwatch.domain.tables import EVENTS
from stillwatch.logs import ReadOptions, open_logs
from stillwatch.logs.quarantine import Quarantine
from stillwatch.logs.registry import FORMATS
from stillwatch.sharing.settings import _SECTIONS as SHARE_SECTIONS
from tests.docs.reading import ROOT


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_the_code_says(page):
    written = (REFERENCE / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), f"docs/reference/{page} is stale: run `make docs`"


def test_every_command_is_found():
    assert {(), ("detect",), ("logs",), ("logs", "check")} <= set(command_paths())


def test_help_is_of_the_command_asked_for():
    assert "Usage: stillwatch logs check" in help_text(("logs", "check"))
    assert "\x1b" not in help_text(("detect",))


def test_a_field_without_a_line_has_none():
    assert field_docs(Reason).keys() == {"signal", "value", "benign_percentile", "sentence"}
    assert field_docs(DetectionOptions).keys() == {
        field.name for field in dataclasses.fields(DetectionOptions)
    }


def test_every_setting_of_the_page_can_be_set(tmp_path):
    page = configuration().partition("## Bounds")[0]
    for section, settings in _SECTIONS.items():
        body = page.partition(f"## [{section}]")[2].partition("\n## ")[0]
        documented = {line.split("`")[1] for line in body.splitlines() if line.startswith("| `")}
        assert documented == set(settings)
    # a topic that is followed has required settings, so that section has no defaults to read
    (tmp_path / "defaults.toml").write_text(_defaults(page).replace("[kafka]", ""))
    assert load_config(tmp_path / "defaults.toml") == load_config(None)


def _defaults(page: str) -> str:
    """The page's numeric defaults as a configuration file."""
    lines = []
    for line in page.splitlines():
        if line.startswith("## ["):
            lines.append(line.removeprefix("## "))
        elif line.startswith("| `"):
            name, default = (cell.strip(" `") for cell in line.split("|")[1:3])
            if default.replace(".", "").isdigit():
                lines.append(f"{name} = {default}")
    return "\n".join(lines)


def _section(format_name: str) -> str:
    text = (REFERENCE / "formats.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {format_name}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_every_format_has_a_section(format_):
    section = _section(format_.name)
    for word in ("Recognised", "Account", "Not carried"):
        assert f"**{word}" in section, f"formats.md: {format_.name} does not say: {word}"


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("litellm", "litellm.jsonl"), ("litellm", "litellm.csv"), ("otel", "otel.jsonl"),
        ("otel", "otel_events.jsonl"), ("otel", "otel_older.json"),
        ("bedrock", "bedrock.json.gz"), ("azure", "azure.json"),
    ],
)  # fmt: skip
def test_what_is_not_carried_is_absent_from_the_sample(name, sample):
    line = next(line for line in _section(name).splitlines() if line.startswith("**Not carried:**"))
    claimed = {column.name for column in EVENTS if f"`{column.name}`" in line}
    assert claimed
    log = open_logs([str(ROOT / "examples" / "logs" / sample)], ReadOptions(), Quarantine(None))
    for batch in log.batches():
        carried = {n for n in batch.schema.names if batch.column(n).null_count < batch.num_rows}
        assert not claimed & carried


def test_every_setting_of_sharing_is_told_and_no_other():
    known = {f"{s}.{n}" for s, names in SHARE_SECTIONS.items() for n in names}
    assert set(SAID) == {name for name in known if not name.startswith("expires_days.")}
