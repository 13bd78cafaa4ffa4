"""``stillwatch gateway``: init, check, serve and status, as a person uses them."""

import json
import stat
import sys

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import ConfigError, PeerError
from tests.gatewayprocs import decided, keep, running

run = CliRunner()


def call(*words: str):
    return run.invoke(app, ["gateway", *words], catch_exceptions=True)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STILLWATCH_STORE", raising=False)


def test_init_writes_what_check_takes(tmp_path):
    made = call("init", "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["tokens"] == ["decide.token", "stream.token", "metrics.token"]
    assert {
        stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("decide.token", "gateway.toml")
    } == {0o600}
    absent = call("check")
    assert absent.exit_code == 6
    assert "there is no store" in absent.stdout
    keep(f"sqlite:///{tmp_path / 'share.db'}", decided("a"), decided("b", "observe"))
    found = call("check", "--json")
    assert found.exit_code == 0
    said = json.loads(found.stdout)
    assert (said["decisions"], said["by_effect"]) == (2, {"block": 1, "observe": 1})
    again = call("init")
    assert isinstance(again.exception, ConfigError)
    assert "is there already" in str(again.exception)


@pytest.mark.parametrize("store", ["lab/share.db", "share.db"])
def test_a_store_named_from_here_is_found_from_the_settings(tmp_path, store):
    (tmp_path / "lab").mkdir()
    keep(f"sqlite:///{tmp_path / store}", decided("a"))
    made = call("init", "--store", f"sqlite:///{store}", "--config", "lab/gateway.toml")
    assert made.exit_code == 0, made.output
    found = call("check", "--config", "lab/gateway.toml", "--json")
    assert json.loads(found.stdout)["decisions"] == 1


def test_init_follows_another_gateway(tmp_path):
    made = call("init", "--from", "https://up.example.com")
    assert made.exit_code == 0, made.output
    assert "put the stream token" in made.stdout
    (tmp_path / "gateway.toml").unlink()
    plain = call("init", "--from", "http://up.example.com")
    assert "unprotected" in str(plain.exception)
    assert not (tmp_path / "gateway.toml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no source"),
        (("--store", "sqlite:///x.db", "--from", "http://127.0.0.1:1"), "exclude"),
        (("--from", "http://127.0.0.1:1"), "names no token"),
        (("--config", "nowhere.toml"), "`stillwatch gateway init` writes one"),
        (("--store", "nonsense"), "URL of the store"),
    ],
)
@pytest.mark.parametrize("command", ["check", "serve"])
def test_what_cannot_be_used_is_told_before_anything_is_opened(command, words, said):
    found = call(command, *words)
    assert isinstance(found.exception, ConfigError)
    assert said in str(found.exception)


def test_a_place_that_is_taken_is_told(tmp_path):
    store = f"sqlite:///{tmp_path / 'share.db'}"
    keep(store, decided("bad"))
    with running(tmp_path, "--store", store, "--port", "0", "--grpc-port", "0") as up:
        port = up.url.rsplit(":", 1)[1]
        taken = call("serve", "--store", store, "--port", port)
        assert "cannot listen on 127.0.0.1" in str(taken.exception)
        ready = call("status", up.url)
        assert ready.exit_code == 0, ready.output
        assert "1 decisions" in ready.stdout
        wrong = tmp_path / "wrong.token"
        wrong.write_text("w" * 32)
        wrong.chmod(0o600)
        refused = call("status", up.url, "--token-file", str(wrong))
        assert "does not know the token" in str(refused.exception)
        _over_grpc(up)
    assert isinstance(call("status", up.url).exception, PeerError)


def _over_grpc(up):
    import grpc
    from envoy.service.auth.v3 import external_auth_pb2 as messages
    from envoy.service.auth.v3 import external_auth_pb2_grpc as stubs

    request = messages.CheckRequest()
    request.attributes.context_extensions["account"] = "bad"
    token = (up.folder / "decide.token").read_text().strip()
    with grpc.insecure_channel(up.grpc) as channel:
        answer = stubs.AuthorizationStub(channel).Check(
            request, timeout=10, metadata=[("x-stillwatch-token", token)]
        )
    assert answer.denied_response.status.code == 403
    assert up.figure("requests_total", endpoint="grpc", status="403") == 1


def test_grpc_without_its_extra_is_told(monkeypatch, tmp_path):
    keep(f"sqlite:///{tmp_path / 'x.db'}", decided("bad"))
    monkeypatch.setitem(sys.modules, "grpc", None)
    found = call("serve", "--store", "sqlite:///x.db", "--grpc-port", "0", "--port", "0")
    assert "stillwatch[envoy]" in str(found.exception)
