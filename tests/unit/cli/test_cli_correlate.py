import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import ConfigError, EmptyInput, InputError, StillwatchError
from stillwatch.provenance.demands import PanelTooSmall
from tests.panels import answers, toml, write_jsonl

EXAMPLE = Path(__file__).parents[3] / "examples" / "correlation"


def correlate(*arguments: object, catch: bool = False):
    return CliRunner().invoke(
        app, ["correlate", *map(str, arguments)], catch_exceptions=catch, env={"COLUMNS": "110"}
    )


@pytest.fixture
def world(tmp_path):
    rows, panel = answers()
    (tmp_path / "panel.toml").write_text(toml(panel))
    return write_jsonl(rows, tmp_path / "answers.jsonl"), tmp_path / "panel.toml", tmp_path


@pytest.mark.parametrize("command", [(), ("run",)])
def test_run_may_be_left_out(command):
    result = correlate(
        *command,
        EXAMPLE / "answers.parquet",
        "--panel",
        EXAMPLE / "panel.toml",
        "--draws",
        60,
        "--json",
    )
    verdicts = {r["suspect"]: r["verdict"] for r in json.loads(result.stdout)["results"]}
    assert verdicts == {"bystander": "no evidence", "copycat": "mirrors"}


def test_everything_is_written(world):
    path, panel, folder = world
    rows, _ = answers()
    extra = [*rows, {"model": "copycat", "prompt": "A question of its own?", "output": "Yes."}]
    write_jsonl(extra, path)
    result = correlate(
        path, "--panel", panel, "--suspect", "copycat", "--out", folder / "out", "--draws", 60
    )
    assert "copycat mirrors aurora" in result.stdout
    assert "smallest possible 0.043" in result.stdout
    assert (folder / "out" / "unaligned.txt").read_text() == "A question of its own?\n"
    finding = json.loads((folder / "out" / "findings.jsonl").read_text())
    assert (finding["verdict"], finding["technique"]) == ("mirrors", "AML.T0024.002")
    shared = (folder / "out" / "findings.jsonl").read_text()
    said = json.loads((folder / "out" / "correlation.json").read_text())["results"][0]["phrases"]
    assert said
    assert not any(p["text"] in shared or p["example"] in shared for p in said)
    page = (folder / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "copycat" in page


def test_text_of_a_suspect_cannot_drive_page_or_terminal(world):
    path, panel, folder = world
    rows, _ = answers()
    for row in rows:
        if row["model"] in ("copycat", "aurora"):
            row["output"] = "<script>alert(1)</script> \x1b[31m red \u202e " + row["output"]
    evil = "<b>copy\x1bcat</b>"
    rows = [{**r, "model": evil} if r["model"] == "copycat" else r for r in rows]
    write_jsonl(rows, path)
    result = correlate(
        path, "--panel", panel, "--suspect", evil, "--out", folder / "out", "--draws", 60
    )
    assert "\x1b" not in result.stdout
    page = (folder / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "<b>copy" not in page
    assert "\u202e" not in page


def test_check_tells_what_does_not_fit(world):
    path, panel, _ = world
    result = correlate("check", path, "--panel", panel)
    assert "copycat: can be judged" in result.stdout
    told = json.loads(correlate("check", path, "--panel", panel, "--json").stdout)
    assert (told["models"], told["prompts"]) == (55, 60)


def test_check_of_a_small_panel_is_an_error(tmp_path):
    rows, panel = answers(controls=8)
    (tmp_path / "p.toml").write_text(toml(panel))
    path = write_jsonl(rows, tmp_path / "a.jsonl")
    with pytest.raises(PanelTooSmall, match="8 control models, 30 needed"):
        correlate("check", path, "--panel", tmp_path / "p.toml")
    shown = correlate("check", path, "--panel", tmp_path / "p.toml", catch=True)
    assert "too small a panel" in shown.stdout


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda _: [], EmptyInput, "no rows"),
        (lambda rows: [{**r, "output": ""} for r in rows], EmptyInput, "empty answer"),
        (
            lambda rows: [{**r, "prompt": r["prompt"] + r["model"]} for r in rows],
            EmptyInput,
            "no prompt was answered",
        ),
        (
            lambda rows: rows + [{**r, "output": "other"} for r in rows if r["model"] == "aurora"],
            InputError,
            "two models with one name",
        ),
        (
            lambda rows: [r for r in rows if r["model"] != "aurora"],
            ConfigError,
            "no answers of our own",
        ),
        (
            lambda rows: [r for r in rows if r["model"] != "copycat"],
            InputError,
            "no model 'copycat'",
        ),
    ],
)
def test_bad_input_is_one_clear_error(world, change, error, words):
    path, panel, _ = world
    write_jsonl(change(answers()[0]), path)
    with pytest.raises(error, match=words) as raised:
        correlate(path, "--panel", panel, "--suspect", "copycat")
    assert raised.value.hint


def test_duplicates_and_empty_answers_are_told_and_do_not_count(world):
    path, panel, _ = world
    rows, _ = answers()
    mine = [r for r in rows if r["model"] == "copycat"]
    write_jsonl([*rows, *mine[:3], {**mine[4], "output": " "}], path)
    result = correlate(path, "--panel", panel, "--suspect", "copycat", "--json", "--draws", 60)
    notes = " ".join(json.loads(result.stdout)["notes"])
    assert "row of copycat repeated word for word, used once: 3" in notes
    assert "empty answer of copycat, not used: 1" in notes


def test_other_scripts_are_told(world):
    path, panel, _ = world
    rows = [{**r, "output": "我喜欢河流和桥梁。" * 3 + r["output"][:20]} for r in answers()[0]]
    write_jsonl(rows, path)
    result = correlate(path, "--panel", panel, "--suspect", "copycat", "--json", "--draws", 60)
    assert "are not Latin" in " ".join(json.loads(result.stdout)["notes"])


def test_plan_chooses_prompts_that_can_be_asked(world):
    path, panel, folder = world
    correlate("plan", path, "--panel", panel, "--prompts", 50, "--out", folder / "ask.jsonl")
    asked = [json.loads(line) for line in (folder / "ask.jsonl").read_text().splitlines()]
    assert len({q["prompt"] for q in asked}) == 50
    assert [q["separation"] for q in asked] == sorted(
        (q["separation"] for q in asked), reverse=True
    )
    assert {q["prompt"] for q in asked} <= {r["prompt"] for r in answers()[0]}
    with pytest.raises(InputError, match="at least 50"):
        correlate("plan", path, "--panel", panel, "--prompts", 5)


def test_fit_writes_a_combiner_that_run_takes(world):
    path, panel, folder = world
    pairs = "".join(
        f'[[pair]]\nstudent = "{c["model"]}"\nteacher = "{c["teacher"]}"\ncluster = "{c["cluster"]}"\n'
        for c in answers()[1]["control"]
        if "teacher" in c
    )
    panel.write_text(panel.read_text() + pairs)
    out = folder / "mine.json"
    told = json.loads(correlate("fit", path, "--panel", panel, "--out", out, "--json").stdout)
    assert told["quality"]["auc"] > 0.95
    result = correlate(
        path, "--panel", panel, "--suspect", "copycat", "--combiner", out, "--json", "--draws", 60
    )
    assert json.loads(result.stdout)["results"][0]["verdict"] == "mirrors"


def test_fit_dry_run_writes_nothing(world):
    path, panel, folder = world
    with pytest.raises(EmptyInput, match="0 known pairs"):
        correlate("fit", path, "--panel", panel, "--dry-run", "--out", folder / "no.json")
    assert not (folder / "no.json").exists()


def test_marks_from_key_to_hit(world):
    path, _, folder = world
    rows = [
        {
            "model": "m",
            "prompt": str(n),
            "output": f"Word{n % 90} usually helps. However, word{n % 70} often shows it. Maybe word{n % 50} begins.",
        }
        for n in range(300)
    ]
    write_jsonl(rows, path)
    keys = folder / "keys.json"
    correlate("marks", "keys", "--cohorts", "12", "--out", keys)
    marked = folder / "marked.jsonl"
    done = correlate(
        "marks", "apply", path, "--keys", keys, "--cohort", "cohort-07", "--out", marked
    )
    assert "of 1,000 words" in done.stdout
    found = json.loads(correlate("marks", "test", marked, "--keys", keys, "--json").stdout)
    assert found["found"] == ["cohort-07"]
    assert len(found["keys"]) == 24
    clean = correlate("marks", "test", path, "--keys", keys)
    assert "carries none of the keys" in clean.stdout
    with pytest.raises(StillwatchError, match="exists"):
        correlate("marks", "keys", "--cohorts", "a", "--out", keys)


def test_a_text_too_short_for_marks_is_an_error(tmp_path):
    (tmp_path / "t.txt").write_text("hello there")
    correlate("marks", "keys", "--cohorts", "a,b", "--out", tmp_path / "k.json")
    with pytest.raises(InputError, match="nothing was tested"):
        correlate("marks", "test", tmp_path / "t.txt", "--keys", tmp_path / "k.json")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'[{"output": "x"}]', "JSON array"),
        (b"\xff\x00", "no UTF-8 text"),
        (b"{", "not JSON"),
        (b"", "no answer to mark"),
        (b'{"output": " "}', "no answer to mark"),
    ],
)
def test_answers_that_cannot_be_marked_are_an_error(tmp_path, raw, words):
    (tmp_path / "a").write_bytes(raw)
    correlate("marks", "keys", "--cohorts", "a", "--out", tmp_path / "k.json")
    given = ("--keys", tmp_path / "k.json", "--cohort", "a", "--out", tmp_path / "out")
    with pytest.raises(InputError, match=words):
        correlate("marks", "apply", tmp_path / "a", *given)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="is no file"):
        correlate("marks", "apply", tmp_path, *given)


@pytest.fixture
def to_mark(tmp_path):
    answers = tmp_path / "a.jsonl"
    write_jsonl([{"output": "However, it usually helps. Maybe it often shows."}] * 3, answers)
    correlate("marks", "keys", "--cohorts", "a", "--out", tmp_path / "k.json")
    return answers, tmp_path / "k.json", tmp_path / "out.jsonl"


def _apply(to_mark, out, *more):
    answers, keys, _ = to_mark
    return correlate(
        "marks", "apply", answers, "--keys", keys, "--cohort", "a", "--out", out, *more
    )


def test_marked_answers_go_over_an_older_file_only_when_asked(to_mark):
    out = to_mark[2]
    out.write_text("older")
    with pytest.raises(InputError, match=r"exists; .*--force"):
        _apply(to_mark, out)
    assert out.read_text() == "older"
    _apply(to_mark, out, "--dry-run")
    assert out.read_text() == "older"
    _apply(to_mark, out, "--force")
    assert len([json.loads(line)["output"] for line in out.read_text().splitlines()]) == 3
    with pytest.raises(InputError, match="is no file"):
        _apply(to_mark, out.parent, "--force")


@pytest.mark.parametrize("more", [(), ("--force",)])
@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
@pytest.mark.parametrize("which", [0, 1])
def test_marked_answers_never_go_over_what_is_read(to_mark, which, link, more):
    target = to_mark[which]
    before = target.read_bytes()
    out = target
    if link:
        out = target.with_name("link")
        getattr(out, link)(target)
    with pytest.raises(InputError, match="which is read"):
        _apply(to_mark, out, *more)
    assert target.read_bytes() == before


def test_an_open_key_file_is_refused_by_marks(to_mark):
    answers, keys, out = to_mark
    keys.chmod(0o644)
    with pytest.raises(StillwatchError, match="chmod 600"):
        _apply(to_mark, out)
    with pytest.raises(StillwatchError, match="chmod 600"):
        correlate("marks", "test", answers, "--keys", keys)
    assert not out.exists()
