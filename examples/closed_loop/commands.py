"""The program's commands, each a process of its own, forked from one that has loaded the libraries.

Loading them is most of what a short command costs, and the story runs some hundreds. What a command
reads, writes, prints and returns is what it does when it is started by its name, as hub, evaluators
and gateways are.

    python -P commands.py SOCKET    the process that forks; ends with its stdin
"""

import atexit
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Final, NoReturn

PASSPHRASE: Final = {"STILLWATCH_EVALUATOR_PASSPHRASE": "correct horse battery staple"}
_STREAMS: Final = ("stdin", "stdout", "stderr")
_LOST: Final = 255
"""Status of a command whose process ended without telling one."""


class Commands:
    """The process that forks, started with the first command. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory()
        self._place = str(Path(self._folder.name, "socket"))
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, words: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
        """``stillwatch WORDS``: its status and what it said."""
        self._started()
        with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as line:
            folder = Path(name)
            for stream in _STREAMS:
                (folder / stream).write_text(stdin if stream == "stdin" else "", encoding="utf-8")
            line.connect(self._place)
            line.sendall(json.dumps({"words": words, "folder": name}).encode() + b"\n")
            with line.makefile("rb") as said:
                status = int(said.read() or _LOST)
            out, err = ((folder / s).read_text(encoding="utf-8") for s in _STREAMS[1:])
        return subprocess.CompletedProcess(words, status, out, err)

    def _started(self) -> None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", __file__, self._place], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, env={**os.environ, **PASSPHRASE}, start_new_session=True,
                )  # fmt: skip
                assert self._process.stdout is not None
                atexit.register(self._end, self._process)
                if not self._process.stdout.readline():
                    raise RuntimeError("the program's modules cannot be loaded")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.communicate()  # closes its stdin, and waits
        self._folder.cleanup()


COMMANDS: Final = Commands()


def _serve(place: str) -> None:
    package = importlib.import_module("stillwatch.cli")
    for module in pkgutil.walk_packages(package.__path__, "stillwatch.cli."):
        importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: they tell their status
    with socket.socket(socket.AF_UNIX) as door, selectors.DefaultSelector() as ready:
        door.bind(place)
        door.listen(64)
        ready.register(door, selectors.EVENT_READ)
        ready.register(0, selectors.EVENT_READ)
        os.write(1, b"ready\n")
        while all(key.fileobj is door for key, _ in ready.select()):
            line, _ = door.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                door.close()
                _command(line)
            line.close()


def _command(line: socket.socket) -> NoReturn:
    """In the forked process: what was asked for, then the status, then the end."""
    with line.makefile("rb") as asked:
        wanted = json.loads(asked.readline())
    for number, name in enumerate(_STREAMS):
        os.dup2(os.open(Path(wanted["folder"], name), os.O_RDWR), number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8") for number, mode in enumerate("rww")
    )
    sys.argv = ["stillwatch", *wanted["words"]]
    status = _status()
    sys.stdout.flush()
    sys.stderr.flush()
    line.sendall(b"%d" % status)
    os._exit(status)


def _status() -> int:
    try:
        importlib.import_module("stillwatch.__main__").main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # as the interpreter would show it
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1])
