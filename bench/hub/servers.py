"""TAXII 2.1 servers as processes on loopback: ours, and OpenTAXII in an environment of its own.

OpenTAXII 0.9.3 answers its SQL store's UUIDs with an error of the JSON encoder; the wrapper that
starts it teaches the encoder UUIDs, and changes nothing else. Its requirements are installed as
its metadata asks (``sqlalchemy>=1.1.2``), held below 2, where it is faster. It runs on PostgreSQL:
on SQLite a page of a collection of 10,000 takes it half a minute.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from common import DATA

MEDIA = "application/taxii+json;version=2.1"
_PEER = ("opentaxii==0.9.3", "sqlalchemy<2", "marshmallow<4", "psycopg2-binary", "gunicorn")
_WRAPPER = """
import json, uuid
_default = json.JSONEncoder.default
json.JSONEncoder.default = lambda self, o: str(o) if isinstance(o, uuid.UUID) else _default(self, o)
from opentaxii.http import app
"""


@dataclass(frozen=True)
class Collection:
    """One collection of a running server, and who may use it."""

    url: str
    token: str

    def client(self) -> httpx.Client:
        """A client that keeps its connection, with a bearer token."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": MEDIA, "Content-Type": MEDIA}
        return httpx.Client(base_url=self.url, headers=headers, timeout=600)


@contextmanager
def ours(database: str, workers: int = 1) -> Iterator[Collection]:
    """Our hub on ``database``, with an open collection."""
    program = str(Path(sys.executable).parent / "stillwatch")

    def hub(*words: str) -> str:
        command = [program, "hub", *words, "--database", database]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    hub("init")
    token = _field(json.loads(hub("member", "add", "alpha", "--json")), "token")
    add = ("--policy", "open", "--read", "alpha", "--write", "alpha", "--json")
    collection = _field(json.loads(hub("collection", "add", "indicators", *add)), "id")
    port = _free_port()
    serve = ["hub", "serve", "--database", database, "--port", str(port), "--workers", str(workers)]
    with _serving([program, *serve], port, {}):
        yield Collection(f"http://127.0.0.1:{port}/api/collections/{collection}/", token)


@contextmanager
def opentaxii(folder: Path, database: str) -> Iterator[Collection]:
    """OpenTAXII on ``database``, its settings in ``folder``, behind gunicorn with one worker."""
    programs = _peer_environment()
    config = folder / "config.yml"
    config.write_text(_peer_config(folder, database), encoding="utf-8")
    (folder / "peer.py").write_text(_WRAPPER, encoding="utf-8")
    env = {"OPENTAXII_CONFIG": str(config), "PYTHONPATH": str(folder)}

    def call(name: str, *words: str) -> str:
        done = subprocess.run(
            [str(programs / name), *words],
            check=True,
            env=os.environ | env,
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr

    call("opentaxii-add-api-root", "--title", "root", "--default")
    root = re.search(r"-r \{([0-9a-f-]{36})", call("opentaxii-add-collection", "--help"))
    assert root is not None
    add = ("-r", root[1], "-t", "indicators", "--public", "--public-write")
    call("opentaxii-add-collection", *add)
    call("opentaxii-create-account", "-u", "admin", "-p", "admin", "-a")
    port = _free_port()
    command = [
        str(programs / "gunicorn"),
        "-w",
        "1",
        "-t",
        "600",
        "-b",
        f"127.0.0.1:{port}",
        "peer:app",
    ]
    with _serving(command, port, env):
        base = f"http://127.0.0.1:{port}"
        login = {"username": "admin", "password": "admin"}
        token = httpx.post(f"{base}/management/auth", json=login).json()["token"]
        headers = {"Authorization": f"Bearer {token}", "Accept": MEDIA}
        listed = httpx.get(f"{base}/taxii2/{root[1]}/collections/", headers=headers).json()
        collection = listed["collections"][0]["id"]
        yield Collection(f"{base}/taxii2/{root[1]}/collections/{collection}/", token)


def indicators(count: int) -> list[dict[str, str]]:
    """New indicators of about 350 bytes."""
    at = "2026-01-01T00:00:00.000Z"
    return [
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{uuid.uuid4()}",
            "created": at,
            "modified": at,
            "name": f"indicator {i}",
            "pattern": f"[ipv4-addr:value = '198.51.100.{i % 256}']",
            "pattern_type": "stix",
            "valid_from": at,
        }
        for i in range(count)
    ]


def _field(answer: dict[str, str], name: str) -> str:
    return answer[name]


def _peer_environment() -> Path:
    folder = DATA / "opentaxii-environment"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *_PEER], check=True)
        (folder / "ready").touch()
    return folder / "bin"


def _peer_config(folder: Path, database: str) -> str:
    return "\n".join(
        (
            "taxii1:",
            "taxii2:",
            "  title: peer",
            "  max_content_length: 209715200",
            "  persistence_api:",
            "    class: opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI",
            f"    parameters: {{db_connection: '{database}', create_tables: yes}}",
            "auth_api:",
            "  class: opentaxii.auth.sqldb.SQLDatabaseAPI",
            "  parameters:",
            f"    db_connection: 'sqlite:///{folder}/accounts.db'",
            "    create_tables: yes",
            "    secret: not-secret",
            "logging: {opentaxii: error, root: error}",
        )
    )


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def _serving(command: list[str], port: int, env: dict[str, str]) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=os.environ | env, stdout=quiet, stderr=quiet)
    try:
        _await(port, process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not listen after a minute")
