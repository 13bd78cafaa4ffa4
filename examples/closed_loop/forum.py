"""A hub, three labs and their evaluators as processes, driven by the program's own commands.

Every process has a folder and a database of its own; where the wire is watched, relays lie between
them that keep every byte (``wire.py``). What does not wait for one another runs at the same time. Keys are drawn in a ceremony over files: no machine knows the whole key.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from .commands import COMMANDS, PASSPHRASE
from .wire import Wire

LABS = ("alpha", "beta", "gamma")
EPOCH = "2026-q4"
_PROGRAM = str(Path(sys.executable).parent / "stillwatch")
_OWN_PORTS = (15_000, 32_000)
"""Below those from which systems take ports for connections that go out."""
_CHANCE = random.SystemRandom()
STOP = threading.Event()
"""Set when the story breaks off: no further command is started."""


class Services:
    """Processes that serve on loopback. A context manager; everything ends with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def on_exit(self, end: Callable[[], object]) -> None:
        """Do this, too, at the end."""
        self._stack.callback(end)

    def start(self, port: int, *words: object) -> subprocess.Popen[bytes]:
        """Start a command and wait until it answers. Raises ``RuntimeError``."""
        place = self._folder / f"{words[0]}-{port}.log"
        log = self._stack.enter_context(place.open("ab"))
        process = subprocess.Popen(
            [_PROGRAM, *map(str, words)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env={**os.environ, **PASSPHRASE}, start_new_session=True,
        )  # fmt: skip
        self._stack.callback(_end, process)
        _await(port, process, place)
        return process


class Forum:
    """Three labs that share through one hub. A context manager; everything ends with it."""

    def __init__(
        self, folder: Path, hub_database: str | None = None, *, watched: bool = True
    ) -> None:
        self.folder = folder
        self.watched = watched
        self.database = hub_database or f"sqlite:///{folder / 'hub.db'}"
        self.wires: list[Path] = []
        self.services = Services(folder)
        self._identities: dict[str, str] = {}
        self._evaluators: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            self._hub()
            each(self._join)
            each(lambda lab: self.share(lab, "pull"))
            self._draw()
            each(lambda lab: self.evaluator(lab, "members", "--config", self.settings(lab)))
            each(self.start)
            document = next(self.home(LABS[0]).joinpath("epochs").glob("*.json"))
            run("evaluator", "epoch", "post", document, "--config", self.settings(LABS[0]))
            each(lambda lab: self.share(lab, "pull"))
        except BaseException:
            self.services.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.services.__exit__()

    def settings(self, lab: str) -> Path:
        """The lab's share.toml."""
        return self.folder / lab / "share.toml"

    def home(self, lab: str) -> Path:
        """Folder of the lab's evaluator."""
        return self.folder / lab / "evaluator"

    def share(self, lab: str, *words: object) -> Any:
        """A command of sharing; its JSON."""
        return json.loads(run("share", *words, "--config", self.settings(lab), "--json"))

    def screen(self, lab: str, *words: object, stdin: str = "") -> Any:
        """``stillwatch screen``; its JSON, whatever the status says of the sign-up."""
        done = ran("screen", *words, "--config", self.settings(lab), "--json", stdin=stdin)
        if not done.stdout:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def evaluator(self, lab: str, *words: object) -> str:
        """A command of a lab's evaluator."""
        return run("evaluator", *words, "--home", self.home(lab))

    def grant(self, elements: int) -> None:
        """Let every lab ask so much more of every evaluator, once."""
        until = (datetime.now(UTC).date() + timedelta(days=2)).isoformat()

        def let(lab: str) -> None:
            for asker in LABS:
                self.evaluator(lab, "quota", "grant", asker, elements, "--until", until)

        each(let)

    def publish(self, lab: str, table: Path, *options: object) -> list[str]:
        """Draft the actors of a table, release them all, publish; their ids."""
        drafted = self.share(lab, "actors", table, *options)["drafts"]
        ids = [one["id"] for one in drafted]
        self.release(lab, ids)
        self.share(lab, "publish")
        return ids

    def release(self, lab: str, ids: Sequence[str]) -> None:
        """A reviewer lets drafts go."""
        releases = [word for id_ in ids for word in ("--release", id_)]
        self.share(lab, "review", *releases, "--by", "reviewer")

    def start(self, lab: str) -> None:
        """Start a lab's evaluator."""
        self._evaluators[lab] = self._serve(
            self._ports[lab], "evaluator", "serve", "--home", self.home(lab)
        )

    def stop(self, lab: str) -> None:
        """Kill a lab's evaluator."""
        self._evaluators[lab].kill()
        self._evaluators[lab].wait()

    def identity(self, lab: str) -> str:
        """STIX id of a lab."""
        return self._identities[lab]

    def stored(self) -> dict[str, bytes]:
        """All that is not a lab's own: the hub's database, the evaluators' folders, the wires."""
        places = [*self.folder.glob("hub.db*"), *self.wires]
        places += [f for lab in LABS for f in self.home(lab).rglob("*") if f.is_file()]
        return {str(place.relative_to(self.folder)): place.read_bytes() for place in places}

    def _hub(self) -> None:
        said = run("hub", "init", "--database", self.database)
        self._log_key = said.partition("public key: ")[2].strip()
        self._tokens = {
            lab: json.loads(
                run("hub", "member", "add", lab, "--database", self.database, "--json")
            )["token"]
            for lab in LABS
        }
        grants = [word for lab in LABS for word in ("--read", lab, "--write", lab)]
        run(
            "hub", "collection", "add", "Claims", "--policy", "claims", "--alias", "claims",
            *grants, "--database", self.database,
        )  # fmt: skip
        port = free_port()
        self._serve(port, "hub", "serve", "--database", self.database, "--port", port)
        self._hub_url = f"http://127.0.0.1:{self._wire(port, 'hub')}"

    def _join(self, lab: str) -> None:
        place = self.folder / lab
        place.mkdir(parents=True, exist_ok=True)
        token = place / "token"
        token.touch(0o600)
        token.write_text(self._tokens[lab])
        run(
            "share", "init", "--hub", self._hub_url, "--member", lab, "--token-file", token,
            "--log-key", self._log_key, "--collection", "claims", "--jurisdiction", "DE",
            "--basis", "gdpr-6-1-f", "--as-of", "2026-10-01", "--config", self.settings(lab),
        )  # fmt: skip
        text = self.settings(lab).read_text()
        self._identities[lab] = text.partition('id = "')[2].partition('"')[0]
        self.evaluator(lab, "init")
        self._ports[lab] = free_port()

    def _draw(self) -> None:
        """A ceremony: every step of every lab, files handed to all, until nobody waits."""
        seats = []
        for lab in LABS:
            port = self._wire(self._ports[lab], f"evaluator-{lab}")
            seats += ["--evaluator", f"{self._identities[lab]}=http://127.0.0.1:{port}"]
        table = self.folder / "ceremony"
        today = datetime.now(UTC).date().isoformat()
        first = LABS[0]
        self._step(first, "new", EPOCH, *seats, "--starts", today, "--out", table)
        for step in ("answer", "answer", "finish", "finish"):
            files = sorted(table.iterdir())
            each(lambda lab: self._turn(lab, step, files, table))  # noqa: B023 - done before the next

    def _turn(self, lab: str, step: str, files: list[Path], table: Path) -> None:
        mine = f".{LABS.index(lab) + 1}.json"
        theirs = [file for file in files if ".deal." not in file.name or mine in file.name]
        self._step(lab, step, *theirs, "--out", table)

    def _step(self, lab: str, *words: object) -> None:
        self.evaluator(lab, "ceremony", *words, "--config", self.settings(lab))

    def _wire(self, port: int, name: str) -> int:
        if not self.watched:
            return port
        kept = self.folder / f"wire-{name}.bytes"
        wire = Wire(port, kept)
        self.wires.append(kept)
        self.services.on_exit(wire.close)
        return wire.port

    def _serve(self, port: int, *words: object) -> subprocess.Popen[bytes]:
        more = () if words[0] == "hub" else ("--port", port)
        return self.services.start(port, *words, *more)


def each(work: Callable[[str], Any]) -> list[Any]:
    """Do something at every lab at the same time; raises what went wrong first."""
    with ThreadPoolExecutor(len(LABS)) as threads:
        return list(threads.map(work, LABS))


def run(*words: object) -> str:
    """A command of the program; its output. Raises ``RuntimeError`` with what it said."""
    done = ran(*words)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words[:3]))}: {done.stdout}{done.stderr}")
    return done.stdout


def ran(*words: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A command of the program, whatever comes of it."""
    if STOP.is_set():
        raise RuntimeError("stopped")
    return COMMANDS.run([*map(str, words)], stdin)


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to no connection meanwhile."""
    while True:
        port = _CHANCE.randrange(*_OWN_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while not STOP.is_set():
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise RuntimeError(f"the service on port {port} ended: {said[-1:] or log}")
        try:
            with opener.open(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
        if time.monotonic() > until:
            raise RuntimeError(f"nothing answers on port {port}: see {log}")
    raise RuntimeError("stopped")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
