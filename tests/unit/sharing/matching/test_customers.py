"""A whole base: every match once, whatever was killed, refused or lied about in between."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.domain.identifier import Kind
from stillwatch.domain.lead import Step
from stillwatch.errors import ConfigError, PeerError, StillwatchError, StoredDataError
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.matching.customers import Job, Mark, needed, screen_customers
from stillwatch.sharing.matching.evaluators import Manner
from stillwatch.sharing.matching.labs import Labs
from stillwatch.sharing.matching.screening import Screener
from tests.evaluating import one_wrong, unless_proven
from tests.screenlab import ALPHA, Lab, identifier, lab, mode

COUNT = 60
CAUGHT = (3, 17, 18, 41, 59)
LAYOUT = Layout(region="DE", documentation=True)
MANNER = Manner(canary_rate=0, audit_rate=0, patience_s=0)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "gamma") as made:
        banned = [identifier(Kind.EMAIL, f"person{n}@example.com") for n in CAUGHT]
        made.ban(ALPHA, made.actor(ALPHA), *banned)
        yield made


@pytest.fixture
def job(home: Lab) -> Job:
    table = home.folder / "customers.csv"
    rows = [f"c{n},person{n}@example.com,+49 30 9018{n:04d}" for n in range(COUNT)]
    table.write_text("\n".join(["id,email,phone", *rows, "odd,n/a,12", ""]))
    return Job(table, home.folder / "leads.jsonl", LAYOUT, chunk=24)


def work(home: Lab, job: Job, manner: Manner = MANNER) -> Mark:
    with home.store() as store, closing(Labs(home.settings, store, manner)) as labs:
        screener = Screener.over(home.settings, store, labs)
        return screen_customers(job, screener, labs, lambda *_: None)


def found(job: Job) -> list[str]:
    return [orjson.loads(line)["subject"] for line in job.out.read_bytes().splitlines()]


ALL = [f"c{n}" for n in CAUGHT]


def test_every_match_is_found_once_and_counted(home: Lab, job: Job) -> None:
    done = work(home, job)
    assert found(job) == ALL
    assert done.customers == COUNT
    assert done.leads == {"challenge": len(CAUGHT)}
    assert done.unusable["email: placeholder"] == 1
    assert sum(n for why, n in done.unusable.items() if why.startswith("phone")) == 1
    assert done.done
    assert (mode(job.out), mode(job.progress)) == (0o600, 0o600)
    asked = [len(q.elements) for q in home.panel.nodes[0].asked if not q.proof]
    assert sum(asked) == 64 + done.evaluated, "canaries are asked, then proven together"
    assert work(home, job) == done, "what is done is not done again"
    assert [len(q.elements) for q in home.panel.nodes[0].asked if not q.proof] == asked


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_other_forms_of_table_give_the_same(home: Lab, job: Job, kind: str) -> None:
    path = home.folder / f"customers.{kind}"
    rows = [{"id": f"c{n}", "email": f"person{n}@example.com"} for n in range(COUNT)]
    if kind == "jsonl":
        path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    job = replace(job, table=path)
    assert work(home, job).customers == COUNT
    assert found(job) == ALL


_SCRIPT = """
import sys
from contextlib import closing
from pathlib import Path
from tests.unit.sharing.matching.test_customers import LAYOUT, MANNER
from stillwatch.sharing.matching.customers import Job, screen_customers
from stillwatch.sharing.matching.labs import Labs
from stillwatch.sharing.matching.screening import Screener
from stillwatch.sharing.settings import load_settings
from stillwatch.store.database import Store
config, table, out = map(Path, sys.argv[1:])
settings = load_settings(config)
with closing(Store(settings.store)) as store, closing(Labs(settings, store, MANNER)) as labs:
    job = Job(table, out, LAYOUT, chunk=24)
    screen_customers(job, Screener.over(settings, store, labs), labs, lambda *_: None)
"""


@pytest.mark.parametrize("at", [3, 5, 7])
def test_after_kill_9_no_match_is_lost_or_doubled(home: Lab, job: Job, at: int) -> None:
    blocked, go = threading.Event(), threading.Event()

    def hold(_: object) -> tuple[int, dict[str, str]] | None:
        if len(home.panel.nodes[0].asked) != at or go.is_set():
            return None
        blocked.set()
        go.wait(60)
        return 503, {}  # to nobody: who asked was killed

    home.panel.nodes[0].refuse = hold
    words = [sys.executable, "-c", _SCRIPT, home.config, job.table, job.out]
    child = subprocess.Popen([str(w) for w in words], cwd=Path(__file__).parents[4])
    try:
        assert blocked.wait(60)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        go.set()
    before = len(job.progress.read_bytes().splitlines()) - 1
    assert before > 0
    with job.out.open("ab") as file:
        file.write(b'{"subject": "half a li')  # as if the kill came between two writes
    with job.progress.open("ab") as file:
        file.write(b'{"row": 9')
    asked = len(home.panel.nodes[0].asked)
    done = work(home, job)
    assert found(job) == ALL
    assert (done.customers, done.leads) == (COUNT, {"challenge": len(CAUGHT)})
    marks = [orjson.loads(line) for line in job.progress.read_bytes().splitlines()[1:]]
    chunks = sum(bool(mark["evaluators"]) for mark in marks)
    again = len(home.panel.nodes[0].asked) - asked
    assert again == chunks - before, "what was finished is not asked again"


def test_what_rests_on_a_liar_is_done_again(home: Lab, job: Job) -> None:
    home.panel.nodes[0].lie = unless_proven(one_wrong)
    done = work(home, job, replace(MANNER, audit_rate=0.3))
    while not done.done:
        done = work(home, job)
    asked = home.panel.nodes[2].asked
    assert found(job) == ALL
    if asked:  # it was found out: every chunk stands on others
        assert sum(len(q.elements) for q in asked if 1 not in q.quorum.indices) >= done.evaluated
    assert done.customers == COUNT


def test_a_liar_found_at_the_end_takes_the_work_back_to_the_start(home: Lab, job: Job) -> None:
    home.panel.nodes[1].lie = unless_proven(one_wrong)
    done = work(home, job, replace(MANNER, audit_rate=1))
    assert found(job) == ALL
    assert (done.customers, done.leads) == (COUNT, {"challenge": len(CAUGHT)})
    marks = [orjson.loads(line) for line in job.progress.read_bytes().splitlines()[1:]]
    assert {name for mark in marks for name in mark["evaluators"]} == {"2026q4/1", "2026q4/3"}


def test_an_outage_stops_the_work_and_it_goes_on_after(home: Lab, job: Job) -> None:
    for node in home.panel.nodes:
        node.quota = 60
    with pytest.raises(PeerError, match="over quota"):
        work(home, job)
    for node in home.panel.nodes:
        node.quota = 10**6
    assert work(home, job).customers == COUNT
    assert found(job) == ALL


def test_a_dry_run_sends_nothing_of_the_table(home: Lab, job: Job) -> None:
    home.panel.nodes[1].quota = 7
    with home.store() as store, closing(Labs(home.settings, store, MANNER)) as labs:
        mark, left, cost = needed(job, labs, lambda *_: None)
    assert mark.evaluated <= cost <= mark.evaluated + 1
    assert sorted(left["2026q4"].values()) == [7, 10**9, 10**9]  # type: ignore[type-var]
    assert not any(node.asked for node in home.panel.nodes)
    assert not job.out.exists()
    assert work(home, job).evaluated == mark.evaluated


def test_other_work_does_not_go_on_in_the_same_files(home: Lab, job: Job) -> None:
    work(home, job)
    with pytest.raises(ConfigError, match="least differ"):
        work(home, replace(job, least=Step.REVIEW))
    job.table.write_text("id,email\nx,person3@example.com\n")
    with pytest.raises(ConfigError, match="is of other work: table"):
        work(home, job)
    job.progress.unlink()
    with pytest.raises(ConfigError, match="not its progress file"):
        work(home, job)


def test_damaged_files_are_refused(home: Lab, job: Job) -> None:
    work(home, job)
    lines = job.progress.read_bytes().splitlines()
    job.progress.write_bytes(b"\n".join([*lines[:2], b""]))
    job.out.write_bytes(b"")
    if orjson.loads(lines[1])["output_bytes"]:
        with pytest.raises(StoredDataError, match="shorter than its progress file"):
            work(home, job)
    job.progress.write_bytes(b"no progress\n")
    with pytest.raises(StillwatchError, match="no progress file"):
        work(home, job)


def test_own_evidence_and_least_steps(home: Lab, job: Job) -> None:
    mine = replace(job, own_evidence=frozenset({"c17"}), least=Step.RESTRICT)
    done = work(home, mine)
    assert found(mine) == ["c17"]
    assert done.leads == {"challenge": len(CAUGHT) - 1, "restrict": 1}


def test_nothing_of_the_customers_is_kept(home: Lab, job: Job) -> None:
    work(home, job)
    kept = job.out.read_bytes() + job.progress.read_bytes()
    assert b"person" not in kept
    assert b"9018" not in kept
    outputs = [home.output(identifier(Kind.EMAIL, f"person{n}@example.com")) for n in range(COUNT)]
    assert not any(part in kept for o in outputs for part in (o[:16], o[:16].hex().encode()))
