"""The pages on adapters: their code runs, their tables are what the code has, the examples are whole."""

import dataclasses
import inspect
import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from stillwatch.gateway.adapters import litellm
from stillwatch.gateway.adapters.client import Gateway
from stillwatch.gateway.adapters.degrade import degraded
from stillwatch.gateway.decider import Answer
from stillwatch.gateway.table import Request
from stillwatch.store.database import Store
from tests.docs.reading import ROOT, blocks
from tests.guarding import scripted
from tests.servers import serving

HOW_TO = ROOT / "docs" / "how-to"
ASGI, LITELLM = HOW_TO / "guard-an-asgi-app.md", HOW_TO / "guard-litellm.md"
CLIENT = (ROOT / "docs" / "reference" / "gateway-client.md").read_text()
EXAMPLES = ROOT / "examples" / "gateway"


def code(page: Path) -> list[str]:
    return [text for language, text in blocks(page) if language == "python"]


def run(text: str, port: str) -> dict[str, object]:
    names: dict[str, object] = {"__name__": "snippet"}
    exec(compile(text.replace("127.0.0.1:8787", port), "snippet", "exec"), names)
    return names


def test_the_middleware_of_the_page_guards_its_application(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decide.token").write_text("t")
    with scripted() as service:
        service.accounts = {"bad": {"allowed": False, "status": 403, "effect": "block", "decision": "d"},
                            "odd": {"effect": "degrade"}}  # fmt: skip
        names = run(code(ASGI)[0], service.url.removeprefix("http://"))
        with (
            serving(names["app"], lifespan="on") as url,
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            body = {"model": "m", "logprobs": True}

            def ask(account: str) -> httpx.Response:
                return client.post(
                    "/v1/chat/completions", json=body, headers={"x-account-id": account}
                )

            assert ask("good").json() == {"asked": body}
            assert ask("odd").json() == {"asked": degraded(body)} != {"asked": body}
            assert ask("bad").status_code == 403
            assert "https://example.com/appeals" in ask("bad").text


def test_the_other_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Store("sqlite:///share.db").close()
    with scripted() as service:
        for text in code(ASGI)[1:]:
            run(text, service.url.removeprefix("http://"))
    said = capsys.readouterr().out
    assert "answered allow\n{'answered': 1" in said
    assert "True True" in said


def test_the_guard_of_the_page_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decide.token").write_text("t")
    (text,) = code(LITELLM)
    assert isinstance(run(text, "127.0.0.1:8787")["guard"], litellm.StillwatchGuard)


def test_every_variable_is_in_the_table_and_no_other():
    read = set(re.findall(r'"(STILLWATCH_GATEWAY_\w+)"', inspect.getsource(litellm)))
    listed = re.findall(r"^\| `(STILLWATCH_GATEWAY_\w+)`", LITELLM.read_text(), re.MULTILINE)
    assert set(listed) == read
    assert len(listed) == len(read)


def test_the_reference_has_every_method_field_and_argument():
    public = [name for name in vars(Gateway) if not name.startswith("_")]
    assert {"decide", "aadmit", "following"} <= set(public)
    names = [*public, *Request._fields, *(name for name in Answer._fields if name != "held_back")]
    for way in (Gateway.remote, Gateway.following):
        names += list(inspect.signature(way).parameters)[1:]
    missing = [name for name in names if not re.search(rf"`(Gateway\.)?{name}[`(]", CLIENT)]
    assert not missing


def test_every_count_is_in_the_reference():
    sources = [(ROOT / "src/stillwatch/gateway/adapters" / f"{name}.py").read_text()
               for name in ("client", "asgi", "litellm")]  # fmt: skip
    counted = set(re.findall(r'counts\["(\w+)"', "".join(sources)))
    assert {"answered", "unreleased", "nameless", "undegraded"} <= counted
    assert [name for name in counted if f"`{name}`" not in CLIENT] == []


def test_the_callbacks_of_the_example_and_of_the_page_are_there():
    (text,) = [text for language, text in blocks(LITELLM) if language == "yaml"]
    example = yaml.safe_load((EXAMPLES / "litellm" / "config.yaml").read_text())
    assert example["litellm_settings"] == yaml.safe_load(text)["litellm_settings"]
    (name,) = example["litellm_settings"]["callbacks"]
    assert name == f"{litellm.__name__}.guard"


def kong_code() -> list[str]:
    plugins = yaml.safe_load((EXAMPLES / "kong" / "kong.yml").read_text())["plugins"]
    (ours,) = [plugin["config"] for plugin in plugins if plugin["name"] == "post-function"]
    return [text for phase in ("access", "log") for text in ours[phase]]


@pytest.mark.parametrize(("number", "broken"), [(0, False), (1, False), (0, True)])
def test_kongs_lua_compiles(tmp_path, number, broken):
    envoy = pytest.importorskip("envoy", reason="no LuaJIT is here: Kong's example is NOT checked")
    program = next((p for f in envoy.__path__ if (p := Path(f) / "_bin" / "envoy").exists()), None)
    if program is None:
        pytest.skip("no LuaJIT is here: Kong's example is NOT checked")
    lua = kong_code()[number] + ("\nend end" if broken else "")
    kind = "type.googleapis.com/envoy.extensions.filters"
    code = {"@type": f"{kind}.http.lua.v3.Lua", "default_source_code": {
        "inline_string": f"function kong()\n{lua}\nend\nfunction envoy_on_request(h) end"}}  # fmt: skip
    router = {"@type": f"{kind}.http.router.v3.Router"}
    filters = [{"name": "lua", "typed_config": code}, {"name": "router", "typed_config": router}]
    manager = {"@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "x",
               "route_config": {}, "http_filters": filters}  # fmt: skip
    chains = [{"filters": [{"name": "hcm", "typed_config": manager}]}]
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": chains,
    }
    (tmp_path / "envoy.yaml").write_text(
        yaml.safe_dump({"static_resources": {"listeners": [listener]}})
    )
    command = [program, "--mode", "validate", "-c", tmp_path / "envoy.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) != broken, done.stderr


def test_the_examples_ask_with_the_headers_that_a_new_gateway_reads():
    from stillwatch.gateway.settings import Carriers

    defaults = {field.name: field.default for field in dataclasses.fields(Carriers)}
    assert (defaults["account"], defaults["address"], defaults["trusted_hops"]) == (
        "x-account-id",
        "x-forwarded-for",
        1,
    )
    for file in ("nginx/nginx.conf", "envoy/envoy.yaml"):
        text = (EXAMPLES / file).read_text()
        assert "x-account-id" in text
        assert "x-forwarded-for" in text
