"""A policy's fresh blocks refuse too much: the operator sees it, is told what to write, and it works."""

import re
from dataclasses import replace

from typer.testing import CliRunner

from stillwatch.cli import app
from tests.gatewayprocs import decided, keep, running, until


def test_the_operator_sees_it_and_is_told_what_to_write(tmp_path):
    fresh = [
        replace(decided(f"bad-{n}"), origin="policy:standard", evidence=("finding:run/C1",))
        for n in range(600)
    ]
    keep(f"sqlite:///{tmp_path / 'share.db'}", *fresh)
    path = tmp_path / "gateway.toml"
    path.write_text('[source]\nstore = "sqlite:///share.db"\npoll_s = 0.1\n')
    with running(tmp_path, "--config", str(path), "--port", "0") as up:
        with up.client() as client:
            for n in range(1300):
                account = f"bad-{n % 600}" if n % 2 else f"good-{n}"
                client.post("/v1/decide", json={"account": account})
        assert up.said("would refuse")
        assert up.figure("breaker_open") == 1
        asked = ["gateway", "status", up.url, "--token-file", str(tmp_path / "metrics.token")]
        said = CliRunner().invoke(app, asked).output
        assert re.search(r"would refuse \d+\.\d% of requests", said)
        line = re.search(r"accepted_until = \S+Z", said)
        assert line, said
        path.write_text(f"{path.read_text()}[breaker]\n{line[0]}\n")
        until(lambda: not up.decide(account="bad-1")["allowed"])
        assert up.figure("breaker_open") == 0
