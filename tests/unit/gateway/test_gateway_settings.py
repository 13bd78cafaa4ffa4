"""gateway.toml: strict names, bounds, and where a token may go."""

from dataclasses import fields
from pathlib import Path

import pytest

from stillwatch.domain.decision import Scope
from stillwatch.errors import ConfigError
from stillwatch.gateway.settings import (
    _SECTIONS,
    Carriers,
    bare_settings,
    load_settings,
    with_source,
)
from stillwatch.gateway.template import STORE_LINE, TEMPLATE

SOURCE = '[source]\nstore = "sqlite:///share.db"\n'


def loaded(folder: Path, text: str):
    path = folder / "gateway.toml"
    path.write_text(text)
    return load_settings(path)


def test_the_template_is_the_defaults(tmp_path):
    text = TEMPLATE.format(source=STORE_LINE.format(store="sqlite:///share.db"), poll_s="0.5")
    found = loaded(tmp_path, text)
    assert found == loaded(tmp_path, SOURCE)
    assert found.source.store == f"sqlite:///{tmp_path}/share.db"
    assert found.request == Carriers()
    spoken = "\n".join(
        line.removeprefix("# ") if "=" in line.partition('"')[0] else line
        for line in text.splitlines()
    )
    every = loaded(tmp_path, spoken)
    assert every.listen.grpc_port == 9797
    assert every.request.key == "x-api-key-id"


def test_every_setting_is_in_the_template():
    for section, names in _SECTIONS.items():
        assert f"[{section}]" in TEMPLATE
        for name in names:
            if (section, name) not in {
                ("source", "store"),
                ("source", "upstream"),
                ("source", "token_file"),
            }:
                assert f"{name} =" in TEMPLATE.split(f"[{section}]")[1].split("\n[")[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sorce]\n", "did you mean 'source'?"),
        ('[source]\nstor = "x"\n', "did you mean 'store'?"),
        ("", "names no source"),
        (SOURCE + 'upstream = "https://x.example.com"\ntoken_file = "t"\n', "names two sources"),
        ('[source]\nupstream = "https://x.example.com"\n', "names no token"),
        ('[source]\nupstream = "http://x.example.com"\ntoken_file = "t"\n', "unprotected"),
        (
            '[source]\nupstream = "http://127.0.0.1.example.com"\ntoken_file = "t"\n',
            "unprotected",
        ),
        (
            '[source]\nupstream = "http://127.0.0.1:80@x.example.com"\ntoken_file = "t"\n',
            "unprotected",
        ),
        (SOURCE + "poll_s = nan\n", "poll_s"),
        (SOURCE + "poll_s = true\n", "wrong type"),
        (SOURCE + "[listen]\nport = 70000\n", "between 0 and 65535"),
        (SOURCE + "[listen]\nworkers = 0\n", "between 1 and 256"),
        (SOURCE + '[fail]\nclosed = ["acount"]\n', "did you mean 'account'?"),
        (SOURCE + "[fail]\nstale_s = 0\n", "stale_s"),
        (SOURCE + '[request]\naccount = "x y"\n', "no name of a header"),
        (SOURCE + '[request]\nkey_form = "md5"\n', "sha256"),
        (SOURCE + '[request]\ntrusted_networks = ["10.0.0.1/8"]\n', "host bits"),
        (SOURCE + "[request]\ntrusted_networks = [7.5]\n", "trusted_networks"),
        (SOURCE + '[refusal]\nappeal = "a\\nb"\n', "one line"),
        ("source = 3\n", "unknown section"),
        ("[source\n", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path, text, said):
    with pytest.raises(ConfigError) as found:
        loaded(tmp_path, text)
    assert said in str(found.value)
    assert str(tmp_path / "gateway.toml") in str(found.value)


def test_a_password_stands_in_no_repr(tmp_path):
    found = loaded(tmp_path, '[source]\nstore = "postgresql://u:secret@x.example.com/d"\n')
    assert "secret" not in repr(found)


def test_the_command_line_stands_above_the_file(tmp_path):
    found = loaded(tmp_path, SOURCE)
    other = with_source(
        found, store=None, upstream="http://localhost:1/", token_file=tmp_path / "t"
    )
    assert (other.source.store, other.source.upstream) == (None, "http://localhost:1")
    with pytest.raises(ConfigError, match="exclude"):
        with_source(found, store="sqlite:///x", upstream="http://localhost", token_file=None)
    with pytest.raises(ConfigError, match="no source"):
        with_source(bare_settings(tmp_path), store=None, upstream=None, token_file=None)


def test_what_takes_a_restart_is_told_and_not_taken(tmp_path):
    one = loaded(tmp_path, SOURCE)
    two = loaded(tmp_path, SOURCE + '[listen]\nport = 1\n[fail]\nclosed = ["key"]\n')
    assert one.moved(two) == ("listen",)
    taken = one.taking(two)
    assert taken.fail.closed == {Scope.KEY}
    assert taken.listen == one.listen
    assert {f.name for f in fields(one)} - {"folder", "path"} == {
        "source", "listen", "throttle", "stream", "tokens", "request", "fail", "appeal",
    }  # fmt: skip
