"""Two histories under one key: each holds by itself, and no member that saw one takes the other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete, insert, select, text

from stillwatch.errors import NotTrusted
from stillwatch.hub.database import connect
from stillwatch.hub.schema import metadata
from stillwatch.hub.setup import Made, initialise
from tests.databases import postgresql, sqlite
from tests.hubs import World, serving
from tests.sharers import Labs, command, labs


@pytest.fixture
def forum(tmp_path: Path, database_url: str, made: Made) -> Iterator[Labs]:
    (tmp_path / "labs").mkdir()
    with labs(tmp_path / "labs", database_url, made.key_file, made.vkey) as opened:
        yield opened


@contextmanager
def copied(forum: Labs, folder: Path) -> Iterator[tuple[str, httpx.Client]]:
    """A second hub from a copy of the first one's database, under the same key of the log."""
    folder.mkdir()
    kind = sqlite(folder) if forum.world.url.startswith("sqlite") else postgresql()
    with kind as url:
        initialise(url, folder / "unused.key", "hub.test/log")
        _copy(forum.world.url, url)
        twin = World(url, forum.world.key_file, forum.world.tokens, forum.world.ids)
        with (
            serving(twin) as other,
            httpx.Client(base_url=other.base, timeout=60, trust_env=False) as onward,
        ):
            yield url, onward


def _copy(source: str, target: str) -> None:
    old, new = connect(source), connect(target)
    with old.read() as reading, new.write() as writing:
        for table in reversed(metadata.sorted_tables):
            writing.execute(delete(table))
        for table in metadata.sorted_tables:
            rows = [dict(row._mapping) for row in reading.execute(select(table))]
            if rows:
                writing.execute(insert(table), [{str(k): v for k, v in r.items()} for r in rows])
            key = next(iter(table.primary_key))
            if writing.dialect.name == "postgresql" and rows and isinstance(rows[0][key.name], int):
                name = f"pg_get_serial_sequence('{table.name}', '{key.name}')"
                last = f'(SELECT max("{key.name}") FROM {table.name})'
                writing.execute(text(f"SELECT setval({name}, {last}) WHERE {name} IS NOT NULL"))
    old.close()
    new.close()


@pytest.mark.parametrize("more", [2, 1, 0])
def test_a_member_that_saw_one_history_refuses_the_other(
    forum: Labs, tmp_path: Path, made: Made, more: int
) -> None:
    """``more``: by how many claims the second history is longer than the first; both have grown."""
    shared = forum.say("alpha")
    for name in forum.names:
        forum.run(name, "pull")
    with copied(forum, tmp_path / "twin") as (other_url, other):
        first = forum.say("alpha")
        assert forum.run("gamma", "pull")["new"] == 1
        before = forum.run("gamma", "list")
        assert {one["id"] for one in before} == {shared, first}
        one_note = _note(forum, forum.way[0])

        forum.way.append(other)
        second = [forum.say("beta") for _ in range(1 + more)]
        assert forum.run("beta", "pull")["new"] == 1 + more  # beta saw this history only
        other_note = _note(forum, other)
        with pytest.raises(NotTrusted, match=r"fork: ") as refused:
            forum.run("gamma", "pull")
        assert refused.value.exit_code == 5
        assert forum.run("gamma", "list") == before
        (evidence,) = (forum.folder / "gamma").glob("evidence-*-fork.json")
        told = json.loads(evidence.read_bytes())
        assert _body(told["kept"]["checkpoint"]) == _body(one_note)
        assert _body(told["checkpoint"]) == _body(other_note)
        assert not {one["id"] for one in forum.run("gamma", "list")} & set(second)

        forum.way.pop()  # gamma goes on with the history that it knows
        later = forum.say("alpha")
        assert forum.run("gamma", "pull")["new"] == 1
        assert forum.standing("gamma", later)["state"] == "current"
        # who saw the other one is the witness: it refuses this one
        with pytest.raises(NotTrusted):
            forum.run("beta", "pull")

        kept = tmp_path / "checkpoint"
        kept.write_text(other_note)
        for url in (forum.world.url, other_url):
            fsck = ("hub", "fsck", "--database", url, "--key", made.vkey)
            assert "everything holds" in command(*fsck)
            with pytest.raises(NotTrusted):
                command(*fsck, "--checkpoint", evidence)
        fsck = ("hub", "fsck", "--database", forum.world.url, "--key", made.vkey)
        with pytest.raises(NotTrusted):
            command(*fsck, "--checkpoint", kept)
        kept.write_text(one_note)
        assert "everything holds" in command(*fsck, "--checkpoint", kept)


def _note(forum: Labs, hub: httpx.Client) -> str:
    answer = hub.get("/log/checkpoint", auth=("alpha", forum.world.tokens["alpha"]))
    assert answer.status_code == 200
    return answer.text


def _body(note: str) -> str:
    """A checkpoint without its signatures: cosignatures are added as members pull."""
    return note.partition("\n\n")[0]
