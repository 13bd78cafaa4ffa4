"""The story end to end, in process: same findings from logs and profiles, nothing counted twice."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from stillwatch.config import Config
from stillwatch.errors import EmptyInput, InputError, StoredDataError
from stillwatch.pipeline import check_writable, detect, summarise
from stillwatch.profiles.phrases import shipped_rules
from stillwatch.profiles.store import write_profiles
from tests.logfiles import contents, requests_of, write_jsonl
from tests.profiling import by_account

CONFIG = Config(workers=2)


@pytest.fixture
def days(tmp_path: Path) -> list[str]:
    """One log file per day, under names with a space and an equals sign."""
    rows = requests_of()
    return [str(write_jsonl(tmp_path / f"day={d} log.jsonl", rows[d::3])) for d in range(3)]


def stored(paths: Sequence[str], out: Path) -> str:
    write_profiles(summarise(paths, CONFIG).table, out)
    return str(out)


def test_logs_are_summarised_and_described(days: list[str]) -> None:
    read = summarise(days, CONFIG)
    assert len(read.table) == 12
    assert int(read.table.profiles["events"].sum()) == 120
    assert read.sources == tuple(days)
    assert len(read.formats) == 1
    assert read.quarantined == 0


def test_days_profiled_apart_add_up_to_all_at_once(days: list[str], tmp_path: Path) -> None:
    parts = [stored([day], tmp_path / f"{n}.parquet") for n, day in enumerate(days)]
    whole = by_account(summarise(days, CONFIG).table)
    assert by_account(summarise(parts, CONFIG).table) == whole
    assert by_account(summarise([parts[2], days[0], parts[1]], CONFIG).table) == whole


def test_a_profile_file_named_twice_counts_once(days: list[str], tmp_path: Path) -> None:
    part = stored(days, tmp_path / "all.parquet")
    assert int(summarise([part, part], CONFIG).table.profiles["events"].sum()) == 120


def test_detecting_on_profiles_is_detecting_on_the_logs(days: list[str], tmp_path: Path) -> None:
    part = stored(days, tmp_path / "all.parquet")
    logs = detect(days, tmp_path / "a", CONFIG)
    profiles = detect([part], tmp_path / "b", CONFIG)
    assert logs.accounts().equals(profiles.accounts())
    assert profiles.summary.formats == ("profiles",)
    assert logs.summary.events == profiles.summary.events == 120


def test_neither_workers_nor_the_order_of_files_show_in_the_result(
    days: list[str], tmp_path: Path
) -> None:
    results = [
        detect(paths, tmp_path / str(n), Config(workers=workers)).directory
        for n, (paths, workers) in enumerate([(days, 1), (days, 4), (days[::-1], 3)])
    ]
    for name in ("accounts.parquet", "campaigns.parquet", "findings.jsonl"):
        assert len({(folder / name).read_bytes() for folder in results}) == 1, name


def test_a_baseline_calibrates_and_is_not_judged(days: list[str], tmp_path: Path) -> None:
    result = detect(days[:1], tmp_path / "out", CONFIG, baseline=days)
    assert result.summary.calibration == "baseline"
    assert result.summary.reference_accounts == 12
    assert result.summary.events == 40


def test_progress_reaches_the_end(days: list[str], tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    detect(days, tmp_path / "out", CONFIG, progress=lambda *now: told.append(now))
    reading = [(done, total) for what, done, total in told if what == "read"]
    assert reading[-1][0] == reading[-1][1] > 0
    assert told[-1][0] == "judge"


def test_bad_rows_are_counted_kept_and_forgotten_by_the_next_clean_run(
    days: list[str], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(Path(days[0]).read_text() + "not json\n")
    out = tmp_path / "out"
    config = Config(workers=1, bad_row_limit=0.5)
    assert detect([str(bad)], out, config).summary.quarantined == 1
    assert len((out / "quarantine.jsonl").read_text().splitlines()) == 1
    assert detect(days, out, config).summary.quarantined == 0
    assert not (out / "quarantine.jsonl").exists()


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(EmptyInput):
        summarise([str(tmp_path / "empty.jsonl")], CONFIG)
    with pytest.raises(EmptyInput):
        summarise([], CONFIG)


def test_profiles_of_other_rules_do_not_mix(days: list[str], tmp_path: Path) -> None:
    part = stored(days, tmp_path / "all.parquet")
    rules = tmp_path / "rules" / "phrases"
    rules.mkdir(parents=True)
    first = sorted((shipped_rules() / "phrases").glob("*.yaml"))[0]
    (rules / first.name).write_text(first.read_text())
    with pytest.raises(StoredDataError, match=r"all\.parquet.*other phrase families"):
        summarise([part], Config(rules=tmp_path / "rules"))


def test_a_place_that_cannot_be_written_is_refused_before_reading(
    days: list[str], tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    before = contents(tmp_path)
    for out in (taken, taken / "below" / "deep"):
        with pytest.raises(InputError, match="taken is a file"):
            detect([*days, "does-not-exist"], out, CONFIG)
    assert contents(tmp_path) == before
    check_writable(tmp_path / "new" / "and" / "deeper")


def test_what_was_not_read_whole_is_told(days: list[str], tmp_path: Path) -> None:
    with Path(days[0]).open("a") as file:
        file.write("{}\n")
    records = tmp_path / "records.csv"
    records.write_text("account_id,verified\nnobody,perhaps\n")
    told = detect(days, tmp_path / "out", CONFIG, accounts=records, baseline=days).summary
    assert told.quarantined == 1
    assert told.notes[:3] == (
        "12 of 12 accounts in the log have no account record",
        "account records: 1 value was not of its column's type, taken as absent: verified (1)",
        "baseline: 1 row could not be read",
    )
