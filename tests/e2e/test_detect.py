"""The installed command on a simulated world, from outside: files in, files out."""

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.domain.tables import EVENTS
from stillwatch.intel.sigma import parse_rule
from tests.logfiles import contents

COMMAND = [sys.executable, "-m", "stillwatch"]
REQUIRED = [column.name for column in EVENTS if column.required]


def stillwatch(*arguments: object) -> str:
    """Standard output of a run that must succeed."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("e2e") / "world"
    size = ("--accounts", 300, "--days", 7, "--attack-share", 0.15, "--campaigns", 4)
    stillwatch("simulate", "--out", folder, *size)
    return folder


@pytest.fixture(scope="module")
def result(world: Path) -> Path:
    """A run at a loose promise, so that somebody is flagged."""
    out = world.parent / "result"
    records = world / "accounts.parquet"
    stillwatch("detect", world / "events", "--accounts", records, "--out", out, "--fdr", 0.5)
    return out


def accounts(out: Path) -> pa.Table:
    return pq.read_table(out / "accounts.parquet")


def events(world: Path) -> list[Path]:
    return sorted((world / "events").glob("*.parquet"))


def test_every_account_of_the_log_is_in_the_result(world: Path, result: Path) -> None:
    seen = {
        name
        for file in events(world)
        for name in pq.read_table(file, columns=["account_id"]).column(0).to_pylist()
    }
    assert accounts(result).column("account_id").to_pylist() == sorted(seen)
    summary = json.loads((result / "summary.json").read_bytes())
    assert summary["events"] == sum(pq.read_metadata(file).num_rows for file in events(world))


def test_the_guilty_rank_above_the_innocent(world: Path, result: Path) -> None:
    labels = pq.read_table(world / "labels.parquet").to_pylist()
    guilty = {row["account_id"] for row in labels if row["label"] == "distillation"}
    ranked = accounts(result).sort_by([("score", "ascending")]).column("account_id").to_pylist()
    places = [place for place, name in enumerate(ranked) if name in guilty]
    assert sum(places) / len(places) > 0.6 * len(ranked)


class Loads(HTMLParser):
    """Collects what a browser would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            loads = name in ("src", "srcset", "poster", "data", "background", "action")
            if value and (loads or (name in ("href", "xlink:href") and tag != "a")):
                self.fetched.append(value)


def test_the_page_fetches_nothing(result: Path) -> None:
    page = (result / "report.html").read_text(encoding="utf-8")
    parser = Loads()
    parser.feed(page)
    outside = [url for url in parser.fetched if not url.startswith(("#", "data:"))]
    assert outside == []
    assert not re.search(r"@import|url\(\s*['\"]?(?!#|data:)|fetch\(|XMLHttpRequest", page)


def test_accounts_flagged_and_not_are_explained(result: Path) -> None:
    table = accounts(result).to_pylist()
    flagged = next(row for row in table if row["flagged"])
    other = next(row for row in table if not row["flagged"])
    assert "flagged" in stillwatch("explain", flagged["account_id"], "--from", result)
    told = stillwatch("explain", other["account_id"], "--from", result, "--json")
    assert json.loads(told)["flagged"] is False


def test_five_columns_are_enough_and_the_rest_is_named(world: Path, tmp_path: Path) -> None:
    bare = tmp_path / "events"
    bare.mkdir()
    for file in events(world):
        pq.write_table(pq.read_table(file, columns=REQUIRED), bare / file.name)
    told = json.loads(stillwatch("detect", bare, "--out", tmp_path / "out", "--json"))
    assert told["accounts"] == accounts(tmp_path / "out").num_rows > 200
    unseen = " ".join(told["unseen"])
    for missing in ("turn", "client_ip", "tls_fingerprint", "output_tokens", "--accounts"):
        assert missing in unseen
    assert {c["share"] for c in told["coverage"]} == {0}


def test_packed_json_lines_give_the_same_accounts(
    world: Path, result: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "events"
    packed.mkdir()
    for file in events(world):
        write_packed(file, packed / f"{file.stem}.jsonl.gz")
    out, records = tmp_path / "out", world / "accounts.parquet"
    stillwatch("detect", packed, "--accounts", records, "--out", out, "--fdr", 0.5)
    assert accounts(out).equals(accounts(result))


def write_packed(table: Path, out: Path) -> None:
    rows = pq.read_table(table).to_pylist()
    lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    out.write_bytes(gzip.compress(lines, 1))


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(
    ("stage", "python"),
    [
        ("numba", ["-X", "importtime"]),  # still importing
        ("getting ready", []),  # compiling: no kernel is cached
        ("reading and profiling", []),
    ],
)
def test_an_interrupt_ends_a_run_at_once_and_leaves_nothing(
    stage: str, python: list[str], world: Path, tmp_path: Path
) -> None:
    log, out = tmp_path / "long.jsonl.gz", tmp_path / "out"
    write_packed(events(world)[0], log)
    log.write_bytes(log.read_bytes() * 60)  # gzip members follow one another: far too long to wait
    terminal, end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    if stage == "getting ready":
        environment["NUMBA_CACHE_DIR"] = str(world.parent / "no_kernels_yet")
    process = subprocess.Popen(
        [sys.executable, *python, *COMMAND[1:], "detect", str(log), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=end,
        env=environment,
    )
    os.close(end)
    try:
        said = until(terminal, stage.encode())
        assert process.poll() is None, said
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        said += rest(terminal)
        assert process.wait(30) == 130, said
        assert time.monotonic() - asked < 10
        assert b"Traceback" not in said
        assert b"interrupted; nothing half-written was kept" in said
        assert contents(tmp_path) == ["long.jsonl.gz"]
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        if process.stdout:
            process.stdout.close()


def until(terminal: int, sign: bytes) -> bytes:
    """What the process writes up to a sign of progress."""
    said = b""
    while sign not in said:
        piece = piece_of(terminal)
        assert piece, said
        said += piece
    return said


def rest(terminal: int) -> bytes:
    """What the process writes until it ends."""
    said = b""
    while piece := piece_of(terminal):
        said += piece
    return said


def piece_of(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_a_rule_is_drafted_from_a_campaign(world: Path, result: Path, tmp_path: Path) -> None:
    campaign = pq.read_table(result / "campaigns.parquet")["campaign_id"][0].as_py()
    out = tmp_path / "drafted.yaml"
    words = ("rules", "draft", campaign, "--from", result, "--out", out, "--title", "Their words")
    said = stillwatch(*words, "--benign", world / "events")
    assert "have in common" in said
    rule = parse_rule(out.read_text())
    assert rule.phrases()
    assert rule.measured is not None
