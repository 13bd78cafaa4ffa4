"""LiteLLM's proxy for tests, in an environment of its own that is kept between runs."""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from examples.closed_loop.forum import free_port
from tests.servers import eventually, process
from tests.support import ROOT

VERSION = "1.108.7"
EXAMPLE = ROOT / "examples" / "gateway" / "litellm" / "config.yaml"
AUTH = '''
from litellm.proxy._types import UserAPIKeyAuth


async def user_api_key_auth(request, api_key):
    """A key names its account, as a database of keys would."""
    account = api_key.removeprefix("sk-")
    return UserAPIKeyAuth(api_key=api_key, user_id=account, team_id=f"team-of-{account}")
'''


def environment() -> Path:
    """The environment's Python; made when it is missing. Skips loudly where that cannot be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stillwatch-tests"
    cache.mkdir(parents=True, exist_ok=True)
    tag = f"litellm-{VERSION}-py{sys.version_info[0]}.{sys.version_info[1]}"
    folder, ready = cache / tag, cache / tag / "ready"
    with (cache / f"{tag}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _make(folder)
            ready.touch()
    return folder / "bin" / "python"


def _make(folder: Path) -> None:
    uv = shutil.which("uv") or ROOT / ".venv" / "bin" / "uv"
    if not Path(uv).exists():
        pytest.skip("uv is missing: the hook for LiteLLM is NOT tested")
    python = folder / "bin" / "python"
    wanted = f"litellm[proxy]=={VERSION}"
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
        [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, wanted],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:]
            pytest.skip(f"LiteLLM could not be installed, its hook is NOT tested: {said}")


@contextmanager
def proxying(folder: Path, model_url: str, **variables: str) -> Iterator[httpx.Client]:
    """The example's proxy before a model; a client of it."""
    python, port = environment(), free_port()
    config = yaml.safe_load(EXAMPLE.read_text())
    (ours,) = config["model_list"]
    ours["litellm_params"]["api_base"] = f"{model_url}/v1"
    claude = {"model": "anthropic/claude", "api_base": model_url, "api_key": "none"}
    config["model_list"].append({"model_name": "claude", "litellm_params": claude})
    config["general_settings"]["custom_auth"] = "auth.user_api_key_auth"
    config["router_settings"] = {"num_retries": 0, "disable_cooldowns": True}
    (folder / "auth.py").write_text(AUTH)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    env = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "PYTHONPATH": str(ROOT / "src"),  # and none of its heavy dependencies
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",
        "MODEL_API_KEY": "none",
        **variables,
    }
    arguments = ["--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", port]
    command = [python.with_name("litellm"), *arguments, "--telemetry", "False"]
    with (
        process(command, port, folder / "litellm.log", env),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client,
    ):
        eventually(lambda: client.get("/health/liveliness").status_code == 200, 60)
        yield client
