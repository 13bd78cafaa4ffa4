"""Three labs draw a key by files, serve it from processes of their own, renew its shares, and are
attacked: the program's own commands, real HTTP, real databases."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.closed_loop.forum import free_port
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import blind, evaluate_input, finalize
from stillwatch.crypto.ristretto import ZERO, multiply_base, plus, random_scalar, times
from stillwatch.crypto.sealed import open_share
from stillwatch.crypto.shamir import coefficient
from stillwatch.crypto.threshold import Quorum, combine, verify_part
from stillwatch.errors import NotTrusted
from stillwatch.hub import governance, members
from stillwatch.hub.clock import now
from stillwatch.hub.database import connect
from stillwatch.hub.logkey import signer
from stillwatch.hub.members import State
from stillwatch.hub.setup import initialise
from stillwatch.sharing.settings import load_settings
from tests.evaluators import Client
from tests.sharers import NAMES, Labs, command, labs

PASSPHRASE = b"five quite random words here"
ONE = multiply_base(random_scalar())


@dataclass
class Trio:
    """Three labs, each with an evaluator's home."""

    labs: Labs
    ports: dict[str, int]
    secret: Path
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def home(self, who: str) -> Path:
        return self.labs.folder / who / "evaluator"

    def out(self, who: str) -> Path:
        return self.labs.folder / who / "out"

    def url(self, who: str) -> str:
        return f"http://127.0.0.1:{self.ports[who]}"

    def identity(self, who: str) -> str:
        return str(load_settings(self.labs.settings(who)).identity)

    def key(self, who: str) -> SigningKey:
        return SigningKey.load(load_settings(self.labs.settings(who)).key_file)

    def run(self, who: str, *words: object, status: int = 0) -> str:
        return command("evaluator", *words, "--home", self.home(who), status=status)

    def step(self, who: str, verb: str, *files: Path, group: str = "ceremony") -> dict[str, Any]:
        done = self.run(
            who, group, verb, *files, "--config", self.labs.settings(who),
            "--passphrase-file", self.secret, "--out", self.out(who), "--json",
        )  # fmt: skip
        return dict(json.loads(done))

    def sent(self, who: str, pattern: str) -> Path:
        (found,) = self.out(who).glob(pattern)
        return found

    def sit(self, plan: Path, group: str = "ceremony") -> list[Path]:
        """A whole ceremony, each participant handing its files to the others."""
        name, generation = plan.name.split(".")[:2]
        stem = f"{name}.{generation}"
        for who in NAMES:
            assert "commits of" in self.step(who, "answer", plan, group=group)["waiting"]
        for who in NAMES:
            commits = [self.sent(other, f"{stem}.commit.*") for other in NAMES]
            assert len(self.step(who, "answer", *commits, group=group)["send"]) == 3
        for index, who in enumerate(NAMES, 1):
            deals = [
                self.sent(other, f"{stem}.deal.*.{index}.*") for other in NAMES if other != who
            ]
            assert "signatures of" in self.step(who, "finish", *deals, group=group)["waiting"]
        documents = []
        for who in NAMES:
            signatures = [self.sent(other, f"{stem}.signature.*") for other in NAMES]
            assert self.step(who, "finish", *signatures, group=group)["waiting"] == ""
            documents.append(self.sent(who, f"{stem}.epoch.*"))
        assert len({path.read_bytes() for path in documents}) == 1
        return documents

    def serve(self, who: str, *words: str) -> None:
        log = self.labs.folder / f"{who}.log"
        words = ("--port", str(self.ports[who]), "--passphrase-file", str(self.secret), *words)
        with log.open("a") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "stillwatch", "evaluator", "serve",
                 "--home", str(self.home(who)), *words],
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        assert process.stdout is not None
        assert "evaluator listens on" in process.stdout.readline()
        self.running[who] = process

    def stop(self, who: str, number: int = signal.SIGTERM) -> None:
        process = self.running.pop(who)
        process.send_signal(number)
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()

    def client(self, asker: str, evaluator: str, **values: Any) -> Client:
        index = NAMES.index(evaluator) + 1
        return Client(self.url(evaluator), self.key(asker), index, "e1", **values)

    def outputs(self, inputs: Sequence[bytes], names: Sequence[str], epoch: Epoch) -> list[bytes]:
        """What a plain client computes by asking a quorum, every answer proven."""
        quorum = Quorum.of([NAMES.index(name) + 1 for name in names])
        blinds, blinded = blind(inputs)
        parts = []
        for name in names:
            said = ",".join(str(index) for index in quorum.indices)
            asked = self.client("beta", name, generation=epoch.generation, quorum=said)
            part = asked.part(blinded, proof=True)
            public, context = epoch.public_share(part.index), epoch.proof_context(part.index)
            verify_part(part, public, quorum, blinded, context)
            parts.append(part)
        return finalize(inputs, blinds, combine(parts, quorum))

    def whole_key(self, generation: int, names: Sequence[str] = ("alpha", "gamma")) -> Any:
        """The key that nobody holds, put together from two homes and the passphrase."""
        indices, secret = tuple(NAMES.index(name) + 1 for name in names), ZERO
        for name in names:
            data = (self.home(name) / "shares" / f"e1.{generation}.share").read_bytes()
            share = open_share(data, PASSPHRASE)
            secret = plus(secret, times(coefficient(indices, share.index, 0), share.secret))
        return secret


@pytest.fixture
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    folder = tmp_path_factory.mktemp("trio")
    made = initialise(f"sqlite:///{folder / 'hub.db'}", folder / "log.key", "hub.test/log")
    secret = folder / "passphrase"
    secret.touch(0o600)
    secret.write_bytes(PASSPHRASE + b"\n")
    with labs(folder, f"sqlite:///{folder / 'hub.db'}", folder / "log.key", made.vkey) as three:
        trio = Trio(three, {who: free_port() for who in NAMES}, secret)
        for who in NAMES:
            three.run(who, "pull")
            trio.run(who, "init")
            trio.run(who, "members", "--config", three.settings(who))
        begun = datetime.now(UTC).date() - timedelta(days=1)
        seats = [f"{trio.identity(who)}={trio.url(who)}" for who in NAMES]
        words = [word for seat in seats for word in ("--evaluator", seat)]
        trio.run(
            "alpha", "ceremony", "new", "e1", *words, "--starts", begun, "--out", trio.out("alpha"),
            "--config", three.settings("alpha"),
        )  # fmt: skip
        trio.sit(trio.sent("alpha", "e1.0.plan.json"))
        try:
            for who in NAMES:
                trio.serve(who)
            yield trio
        finally:
            for who in list(trio.running):
                trio.stop(who)


def epoch(trio: Trio, generation: int = 0) -> Epoch:
    data = (trio.home("alpha") / "epochs" / f"e1.{generation}.json").read_bytes()
    return Epoch.from_json(json.loads(data))


def any_two_evaluators_compute_the_rfcs_function(trio: Trio) -> None:
    inputs = [b"v1|email|e1|a@example.com", b"v1|phone|e1|+12025550123"]
    first = trio.outputs(inputs, ("alpha", "gamma"), epoch(trio))
    assert first == trio.outputs(inputs, ("beta", "gamma"), epoch(trio))
    assert first == trio.outputs(inputs, ("alpha", "beta", "gamma"), epoch(trio))
    key = trio.whole_key(0)
    assert first == [evaluate_input(key, data) for data in inputs]
    assert multiply_base(key) == epoch(trio).public_key


def the_document_goes_round_by_the_hub(trio: Trio) -> None:
    path = trio.home("alpha") / "epochs" / "e1.0.json"
    settings = {who: ("--config", trio.labs.settings(who)) for who in NAMES}
    assert "signed by all 3" in command("evaluator", "epoch", "verify", path, *settings["beta"])
    command("evaluator", "epoch", "post", path, *settings["alpha"])
    found = json.loads(command("evaluator", "epoch", "pull", "--json", *settings["gamma"]))
    assert [one["name"] for one in found["epochs"]] == ["e1"]
    listed = httpx.get(f"{trio.url('beta')}/v1/epochs", trust_env=False).json()["epochs"]
    assert [Epoch.from_json(one) for one in listed] == [epoch(trio)]
    shown = json.loads(trio.run("beta", "epoch", "show", "--json"))
    assert [one["share_here"] for one in shown] == [True]


def a_batch_that_was_charged_stays_charged_when_the_process_is_killed(trio: Trio) -> None:
    """5,000 proven elements take a second: the charge is on disk by then, the answer is not."""
    name = trio.identity("gamma")

    def used() -> int:
        shown = json.loads(trio.run("alpha", "quota", "show", name, "--json"))
        return int(shown["gamma"]["used"])

    before, client = used(), trio.client("gamma", "alpha")
    query = client.query(proof=1)
    body = ONE * (5_000 - before)
    headers = client.signed("POST", "/v1/evaluate", query, body)
    head = [f"POST /v1/evaluate?{query} HTTP/1.1", f"Host: 127.0.0.1:{trio.ports['alpha']}"]
    head += [f"{k}: {v}" for k, v in headers.items()] + [f"Content-Length: {len(body)}", "", ""]
    with socket.create_connection(("127.0.0.1", trio.ports["alpha"])) as raw:
        raw.sendall("\r\n".join(head).encode() + body)
        until = time.monotonic() + 30
        while used() == before:
            assert time.monotonic() < until
        trio.stop("alpha", signal.SIGKILL)
        with suppress(ConnectionResetError):
            assert b"200" not in raw.recv(12)
    trio.serve("alpha")
    assert used() == 5_000
    answer = client.post(ONE)
    assert (answer.status_code, answer.json()["remaining"]) == (429, 0)
    assert "elements  " in trio.run("alpha", "audit", "show", "--member", "gamma")
    assert re.match(r"the chain holds; head \d+:", trio.run("alpha", "audit", "verify"))


def a_grant_at_the_command_line_counts_at_once(trio: Trio) -> None:
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    name = trio.identity("alpha")
    trio.run("beta", "quota", "set", "alpha", "--daily", 10, "--until", day)
    assert trio.client("alpha", "beta", quorum="1,2").post(ONE * 11).status_code == 429
    trio.run("beta", "quota", "grant", name, 5_000, "--until", day)
    assert trio.client("alpha", "beta", quorum="1,2").post(ONE * 4_000).status_code == 200
    acts = json.loads(trio.run("beta", "audit", "show", "--member", "alpha", "--json"))
    assert {"quota.daily", "quota.grant"} <= {row["what"] for row in acts}
    trio.run("beta", "quota", "set", "alpha", "--daily", "default")


def shares_are_renewed_and_the_old_ones_open_nothing(trio: Trio) -> None:
    inputs = [b"v1|email|e1|a@example.com"]
    before = trio.outputs(inputs, ("beta", "gamma"), epoch(trio))
    trio.run(
        "beta", "refresh", "new", "e1", "--out", trio.out("beta"),
        "--config", trio.labs.settings("beta"),
    )  # fmt: skip
    trio.sit(trio.sent("beta", "e1.1.plan.json"), "refresh")
    for who in NAMES:  # one after the other: both generations answer meanwhile
        trio.stop(who)
        trio.serve(who)
        assert trio.outputs(inputs, ("beta", "gamma"), epoch(trio)) == before
    new = epoch(trio, 1)
    assert new.public_key == epoch(trio).public_key
    assert trio.outputs(inputs, ("beta", "gamma"), new) == before
    _old_and_new_do_not_mix(trio, inputs, before)
    trio.run("gamma", "epoch", "forget", "e1", "--generation", 0)
    trio.stop("gamma")
    trio.serve("gamma")
    answer = trio.client("beta", "gamma").post(ONE)
    assert (answer.status_code, "held in generation 1, not 0" in answer.text) == (409, True)
    assert trio.outputs(inputs, ("beta", "gamma"), new) == before


def _old_and_new_do_not_mix(trio: Trio, inputs: list[bytes], right: list[bytes]) -> None:
    quorum, (blinds, blinded) = Quorum.of([2, 3]), blind(inputs)
    old = trio.client("beta", "beta", quorum="2,3").part(blinded, proof=True)
    new = trio.client("beta", "gamma", quorum="2,3", generation=1).part(blinded)
    assert finalize(inputs, blinds, combine([old, new], quorum)) != right
    fresh = epoch(trio, 1)
    with pytest.raises(NotTrusted):
        verify_part(old, fresh.public_share(2), quorum, blinded, fresh.proof_context(2))


def a_suspended_member_is_refused_after_the_next_pull(trio: Trio) -> None:
    asked = trio.client("alpha", "gamma", generation=1)
    assert asked.post(ONE).status_code == 200
    database = connect(trio.labs.world.url)
    with database.write() as connection:
        log = governance.into(signer(connection, trio.labs.world.key_file))
        member = members.named(connection, "alpha")
        governance.change(connection, log, member, State.SUSPENDED, now=now())
    database.close()
    trio.labs.run("gamma", "pull")
    trio.run("gamma", "members", "--config", trio.labs.settings("gamma"))
    answer = asked.post(ONE)
    assert (answer.status_code, "suspended" in answer.text) == (403, True)


def nothing_of_a_share_or_an_element_is_in_any_file(trio: Trio) -> None:
    kept = [path.read_bytes() for path in trio.labs.folder.rglob("*") if path.is_file()]
    secrets = [ONE, PASSPHRASE]
    for who in NAMES:
        data = (trio.home(who) / "shares" / "e1.1.share").read_bytes()
        secrets.append(open_share(data, PASSPHRASE).secret)
        assert (trio.home(who) / "shares" / "e1.1.share").stat().st_mode & 0o077 == 0
    for secret in secrets:
        for form in (bytes(secret), bytes(secret).hex().encode()):
            found = [data for data in kept if form in data and data != PASSPHRASE + b"\n"]
            assert not found


def test_the_life_of_a_key(trio: Trio) -> None:
    """In one order, because drawing a key, serving it and renewing it is one story."""
    any_two_evaluators_compute_the_rfcs_function(trio)
    the_document_goes_round_by_the_hub(trio)
    a_batch_that_was_charged_stays_charged_when_the_process_is_killed(trio)
    a_grant_at_the_command_line_counts_at_once(trio)
    shares_are_renewed_and_the_old_ones_open_nothing(trio)
    a_suspended_member_is_refused_after_the_next_pull(trio)
    nothing_of_a_share_or_an_element_is_in_any_file(trio)
