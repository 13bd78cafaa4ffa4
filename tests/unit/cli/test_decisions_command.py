"""``stillwatch decisions`` as people and machines use it, and what it does when things go wrong."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.cli.decisions.common import moment, sweep
from stillwatch.cli.stores import store_url
from stillwatch.domain.decision import Decision
from stillwatch.errors import InputError, StillwatchError
from stillwatch.store import decisions
from stillwatch.store.database import Store
from tests.databases import postgresql
from tests.decided import decided, in_force

Run = Callable[..., str]
UNTIL = "2035-01-01T00:00Z"
A = "decision--c0ffee00-0000-4000-8000-000000000001"
B = "decision--decade00-0000-4000-8000-000000000002"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with its own store; what it prints. Raises what it refuses with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STILLWATCH_STORE", "d.db")
    monkeypatch.setenv("STILLWATCH_HOME", str(tmp_path / "home"))

    def command(*words: str, stdin: str | None = None) -> str:
        result = CliRunner().invoke(app, ["decisions", *words], input=stdin)
        if isinstance(result.exception, StillwatchError):
            raise result.exception
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    return command


def told(run: Run, *words: str, **given: Any) -> Any:
    return json.loads(run(*words, "--json", **given))


def line(**changes: Any) -> str:
    said = {"effect": "block", "scope": "account", "value": "a", "reason": "r", "until": UNTIL}
    return json.dumps(said | changes)


def add(run: Run, *lines: str) -> Any:
    Path("many.jsonl").write_text("\n".join(lines))
    return told(run, "add", "--file", "many.jsonl", "--by", "alice")


def test_a_person_decides_and_takes_it_back(run: Run) -> None:
    words = ("add", "block", "account", " acct-1 ", "--reason", "resold keys", "--by", "alice")
    made = told(run, *words, "--for", "7d", "--evidence", "case:17")
    (one,) = made["added"]
    assert (one["value"], one["origin"], one["until"] - one["made"]) == (
        "acct-1", "person:alice", 7 * 86400,
    )  # fmt: skip
    again = told(run, *words, "--for", "8d", "--evidence", "case:17")
    assert (again["renewed"], again["seq"]) == ([one["id"]], made["seq"] + 1)
    beside = run("add", "allow", "account", "acct-1", "--reason", "a school", "--for", "1h")
    assert "stands beside it: block account acct-1" in beside
    assert "allow wins" not in beside
    assert "an allow wins over everything" in run(*words[:-2], "--for", "9d", "--by", "bob")
    id_ = one["id"]
    lifted = told(run, "lift", id_[10:18].upper(), "--reason", "an error", "--by", "bob")
    assert (lifted["lifted"], lifted["still"]) == ([id_], [])
    with pytest.raises(InputError, match=r"it is lifted by bob: an error.*decisions show"):
        run("lift", id_, "--reason", "an error")
    states = {d["id"]: d["state"] for d in told(run, "list", "--state", "all")["decisions"]}
    assert sorted(states.values()) == ["lifted", "standing", "standing"]
    assert states[id_] == "lifted"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "block", "account", "a", "--reason", "x"], "every decision ends"),
        (["add", "block", "account", "a", "--for", "1d"], "reason is a text"),
        (["add", "block", "account", "a", "--reason", "x", "--for", "1y"], "no time span"),
        (["add", "block", "account", "a", "--reason", "x", "--for", "9999999d"], "9999"),
        (["add", "allow", "account", "a", "--reason", "x", "--for", "9999d"], "ten years"),
        (["add", "block", "account", "a", "--reason", "x", "--until", "2020-01-01"], "is over"),
        (["add", "block", "account", "a", "--reason", "x", "--until", "soon"], "no instant"),
        (["add", "block", "account", "a", "--reason", "x", "--until", "10000-01-01"], "no instant"),
        (["add", "block", "account", "a\nb", "--reason", "x", "--for", "1d"], "control"),
        (["add", "ban", "account", "a", "--reason", "x", "--for", "1d"], "block: 'ban'"),
        (["add", "block", "range", "192.0.0.0/15", "--reason", "x", "--for", "1d"], "--wide"),
        (["add", "allow", "range", "0.0.0.0/0", "--reason", "x", "--for", "1d"], "--wide"),
        (["add", "block", "range", "2001:db8::/31", "--reason", "x", "--for", "1d"], "--wide"),
        (["add", "throttle", "account", "a", "--reason", "x", "--for", "1d"], "a rate"),
        (["add", "block", "account", "a", "--file", "x.jsonl"], "subjects come from the file"),
        (["add", "--file", "none.jsonl", "--for", "1d"], "cannot be read"),
        (["list", "--scope", "planet"], "none of account"),
        (["list", "--after", "x"], "goes with --json"),
        (["show", "abc"], "no decision is kept here"),
        (["lift", "c0", "--reason", "x"], "no decision is kept|too short"),
        (["undo", "case:1"], "no reason is given"),
        (["appeal", "uphold", "appeal--1", "--reason", "x"], "no appeal"),
        (["held", "release", "--reason", "x"], "name decisions, or --all"),
    ],
)
def test_what_is_refused_says_why(run: Run, words: list[str], said: str) -> None:
    run("add", "observe", "range", "0.0.0.0/0", "--reason", "x", "--for", "1d")
    with pytest.raises(InputError, match=said):
        run(*words)
    assert len(told(run, "list")["decisions"]) == 1


def test_a_store_that_is_not_there_is_not_an_empty_one(run: Run) -> None:
    with pytest.raises(InputError, match=r"there is no store d\.db; name it: --store"):
        run("list")
    assert not Path("d.db").exists()


def test_the_store_is_what_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STILLWATCH_HOME", "/h")
    monkeypatch.delenv("STILLWATCH_STORE", raising=False)
    assert store_url() == "sqlite:////h/share.db"
    monkeypatch.setenv("STILLWATCH_STORE", "postgresql://lab@db/lab")
    assert store_url() == "postgresql://lab@db/lab"
    assert store_url("x.db") == "sqlite:///x.db"
    with pytest.raises(StillwatchError, match=r"none\.toml cannot be read"):
        store_url("", tmp_path / "none.toml")


def test_a_file_is_taken_whole_or_not_at_all(run: Run) -> None:
    faulty = [
        line(), line(until=1), line(effect="bam"), line(untill="x"), line(scope="range"),
        line(effect="throttle", per_minute="many"), line(shadow="yes"),
    ]  # fmt: skip
    with pytest.raises(InputError) as refused:
        add(run, *faulty)
    message = refused.value.message
    assert [n for n in range(1, 8) if f"line {n}:" in message] == [2, 3, 4, 5, 6, 7]
    assert "'untill' is not known" in message
    assert not Path("d.db").exists()
    with pytest.raises(InputError, match="line 2 has the id of line 1"):
        add(run, line(id=A), line(id=A, value="b"))
    with pytest.raises(InputError, match=r"\w+\.jsonl, line 2 is no JSON"):
        add(run, line(), "{")
    with pytest.raises(InputError, match="holds no decision"):
        add(run, "")
    with pytest.raises(InputError, match=r"line 1: 192.0.0.0/8 is 16,777,216 addresses"):
        add(run, line(scope="range", value="192.0.0.0/8"))


def test_a_file_said_twice_is_made_once_and_takes_what_the_list_printed(run: Run) -> None:
    many = [line(id=A), line(value="b"), line(value="b", reason="later")]
    first = add(run, *many)
    assert (len(first["added"]), first["repeated"], first["renewed"]) == (2, 1, [])
    second = add(run, *many)
    assert sorted(second["renewed"]) == sorted(one["id"] for one in first["added"])
    page = told(run, "list")["decisions"]
    assert {one["value"]: one["reason"] for one in page} == {"a": "r", "b": "later"}
    again = add(run, *map(json.dumps, page))
    assert again["seq"] == second["seq"]
    stdin = told(run, "add", "--file", "-", "--by", "x", stdin=line(value="c"))
    assert stdin["added"][0]["origin"] == "person:x"


def test_csv_says_the_same(run: Run) -> None:
    Path("many.csv").write_text(
        "\ufeffeffect,scope,value,reason,for,evidence,per_minute,shadow\n"
        'throttle,range,192.0.2.7/24,"slow, down",7d,case:1 finding:r/C1,30,true\n'
        "block,account,b,r,36h,,,\n"
    )
    dry = told(run, "add", "--file", "many.csv", "--dry-run")
    assert (len(dry["added"]), dry["seq"]) == (2, None)
    assert told(run, "list")["decisions"] == []
    one, two = told(run, "add", "--file", "many.csv")["added"]
    assert one["value"] == "192.0.2.0/24"
    assert (one["rate"], one["evidence"], one["shadow"]) == (
        {"per_minute": 30}, ["case:1", "finding:r/C1"], True,
    )  # fmt: skip
    assert "shadow" not in two
    Path("bad.csv").write_text("effect,scope\nblock,account,a,b\n")
    with pytest.raises(InputError, match="line 2 has more cells"):
        run("add", "--file", "bad.csv")


def test_nobody_passes_for_a_policy(run: Run) -> None:
    made = add(run, line(origin="policy:standard"))
    assert made["added"][0]["origin"] == "person:alice"


def test_what_bears_on_somebody_is_found(run: Run) -> None:
    add(
        run,
        line(id=A, value="acct%1"), line(value="acct_1"),
        line(scope="range", value="2001:db8::/32", id=B),
        line(scope="campaign", value="C1", members=["acct%1", "x"]),
        line(scope="key", value="acct%1"),
    )  # fmt: skip
    found = told(run, "list", "--touching", "acct%1")["decisions"]
    assert sorted(one["scope"] for one in found) == ["account", "campaign", "key"]
    assert [one["id"] for one in told(run, "list", "--touching", "2001:DB8::7")["decisions"]] == [B]
    assert told(run, "list", "--touching", "192.0.2.1")["decisions"] == []
    assert "range 2001:db8::/32" in run("list", "--touching", "2001:db8::7")


def test_pages_hold_every_decision_once(run: Run) -> None:
    add(run, *(line(value=f"v{n}") for n in range(7)))
    seen, after = list[str](), ""
    while after is not None:
        page = told(run, "list", "--limit", "3", *(["--after", after] if after else []))
        seen += [one["value"] for one in page["decisions"]]
        after = page["next"]
    assert sorted(seen) == [f"v{n}" for n in range(7)]


def test_show_explains(run: Run) -> None:
    claim = "campaign--aaaaaaaa-0000-4000-8000-000000000001"
    add(run, line(id=A, evidence=["case:17", claim]), line(id=B, value="b", evidence=["case:17"]))
    run("appeal", "open", A, "--reason", "a shared \u202eoffice", "--by", "bob", "--suspend")
    said = told(run, "show", "c0ffee00")
    assert (said["effect"], said["suspended"]["effect"]) == ("observe", "block")
    assert [(g["id"], g["own"], g["others"]) for g in said["evidence_is"]] == [
        ("case:17", True, [B]), (claim, False, []),
    ]  # fmt: skip
    assert [act["act"] for act in said["acts"]] == ["add", "appeal", "suspend"]
    assert said["appeal"] == said["appeals"][0]["id"]
    text = run("show", A)
    assert "observe (block suspended)  account a" in text
    assert "not known here: another lab's claim that was not received" in text
    assert "a shared ⟨U+202E⟩office" in text
    assert "standing, appealed" in run("list")


def test_an_appeal_is_answered(run: Run) -> None:
    add(
        run,
        line(id=A, evidence=["case:17"]), line(id=B, value="b", evidence=["case:17"]),
        line(effect="challenge", value="a"),
    )  # fmt: skip
    opened = told(run, "appeal", "open", A, "--reason", "not me")
    assert opened["suspended"] is False
    words = ("appeal", "uphold", opened["id"], "--reason", "right", "--by", "bob")
    dry = told(run, *words, "--dry-run")
    assert (dry["fell"], dry["dry_run"], len(dry["still"])) == ([B], True, 1)
    assert len(told(run, "appeal", "list")) == 1
    text = run(*words)
    assert f"lifted: {A}" in text
    assert "block account b" in text
    assert "still in force: challenge account a" in text
    assert told(run, "appeal", "list") == []
    with pytest.raises(InputError, match="was upheld"):
        run(*words)
    again = told(run, "undo", "case:17", "--reason", "again")
    assert (again["fell"], again["struck_from"]) == ([], 0)
    acts = [act["act"] for act in told(run, "log")]
    assert acts[-4:] == ["lift", "undo", "strike", "fall"]


def test_one_of_a_campaign_is_let_out(run: Run) -> None:
    add(run, line(id=A, scope="campaign", value="C1", members=["x", "y"]))
    run("appeal", "open", A, "--reason", "not me")
    done = told(run, "appeal", "uphold", A, "--reason", "a school", "--account", "x")
    assert (done["lifted"], done["allow"]["value"], done["still"]) == (False, "x", [])
    assert done["allow"]["until"] == int(datetime(2035, 1, 1, tzinfo=UTC).timestamp())
    run("appeal", "open", A, "--reason", "nor me")
    assert "stands" in run("appeal", "reject", A, "--reason", "it was you")


def test_what_is_held_waits_for_a_person(run: Run) -> None:
    now = datetime.now(UTC)
    store = Store("sqlite:///d.db")
    many = [
        decided(str(n), made=now.timestamp(), until=(now + timedelta(days=1)).timestamp())
        for n in range(3)
    ]
    with store.begin() as connection:
        decisions.add(connection, many, by="policy", now=now, held="more than 2 in an hour")
    assert "more than 2 in an hour" in run("held", "list")
    one = many[0].id
    assert told(run, "held", "release", one, "--reason", "looked")["released"] == [one]
    rest = told(run, "held", "refuse", "--all", "--origin", "policy:standard", "--reason", "no")
    assert sorted(rest["refused"]) == sorted(kept.id for kept in many[1:])
    assert [kept["id"] for kept in told(run, "list")["decisions"]] == [one]
    assert "nothing is held" in run("held", "list")
    assert told(run, "renumber")["seq"] > 0
    store.close()


def _process(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _LOOP, *words], stdout=subprocess.PIPE, text=True
    )


_LOOP = """
import sys
from datetime import UTC, datetime
from stillwatch.store import decisions
from stillwatch.store.database import Store
from tests.decided import NOW, decided
store = Store(sys.argv[1])
while True:
    one = decided("a")
    with store.begin() as connection:
        decisions.add(connection, [one], by="alice", now=NOW)
    print(one.id, flush=True)
"""


def test_every_decision_that_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/d.db"
    store = Store(url)
    with store.begin() as connection:
        since = decisions.newest(connection)
    with _process(url) as running:
        assert running.stdout is not None
        said = [running.stdout.readline().strip() for _ in range(20)]
        os.kill(running.pid, signal.SIGKILL)
        said += running.stdout.read().split()
    with store.begin() as connection:
        stands = in_force(connection)
        in_stream = [change.id for change in decisions.changes(connection, since, 10_000)]
    store.close()
    whole = [id_ for id_ in said if len(id_) == len(A)]
    assert len(whole) >= 20
    assert set(whole) <= set(stands)
    assert in_stream[: len(whole)] == whole
    assert set(in_stream) == set(stands)


def test_a_record_of_the_list_is_a_decision(run: Run) -> None:
    add(run, line(id=A, evidence=["case:1"]))
    (one,) = told(run, "list")["decisions"]
    assert Decision.of(one).record() == {
        name: one[name]
        for name in ("id", "effect", "scope", "value", "reason", "evidence", "origin", "made", "until")
    }  # fmt: skip


def test_a_machine_far_ahead_ends_nothing_of_a_store_without_a_clock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = moment()
    store = Store(f"sqlite:///{tmp_path / 'share.db'}")
    with store.begin() as connection:
        made = decided("a", made=now.timestamp(), until=now.timestamp() + 3600)
        decisions.add(connection, [made], by="ann", now=now)
        sweep(connection, now + timedelta(days=365))
        assert "365 days after the newest act" in capsys.readouterr().err
        assert set(in_force(connection)) == {made.id}
        sweep(connection, now + timedelta(hours=2))
        assert capsys.readouterr().err == ""
        assert decisions.find(connection, made.id).state == "ended"
        sweep(connection, now)
        assert "has not come yet" in capsys.readouterr().err
        assert set(in_force(connection)) == {made.id}
    store.close()


@pytest.mark.parametrize(("hours", "way"), [(720, "ahead of"), (-1, "behind")])
def test_a_machine_whose_clock_is_wrong_ends_nothing_of_a_shared_store(
    hours: int, way: str
) -> None:
    now = moment()
    with postgresql() as url:
        store = Store(url)
        with store.begin() as connection:
            made = decided("a", made=now.timestamp(), until=now.timestamp() + 3600)
            decisions.add(connection, [made], by="ann", now=now)
        with store.begin() as connection:
            with pytest.raises(InputError, match=f"s {way} the store's, nothing was kept"):
                sweep(connection, now + timedelta(hours=hours))
            sweep(connection, now)
            found = decisions.find(connection, made.id)
        store.close()
    assert found is not None
    assert found.state == "standing"
