"""The description of the HTTP interface says what the gateway answers: asked by schemathesis."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.openapi import document
from stillwatch.gateway.service import Screened
from stillwatch.gateway.settings import Streaming
from stillwatch.gateway.table import Request
from stillwatch.gateway.tokens import Door
from tests.gateways import gateway
from tests.unit.gateway.made import knowing, record

schema = schemathesis.openapi.from_dict(json.loads(document()))
CHECKS = (
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance, response_headers_conformance,
)  # fmt: skip
DOORS = {"/v1/decisions/stream": Door.STREAM, "/v1/screen": Door.SCREEN}


class Screens:
    """Says of everybody the same."""

    async def screen(self, body: bytes) -> Screened:
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            return Screened(422, {"title": "Unusable sign-up", "description": "x"}, Request())
        lead = {"subject": "s", "screened": True, "step": "note", "policy": None}
        return Screened(200, lead, Request(sign_up="s"))

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    records = [record(n, value=str(n)) for n in range(10)]
    with gateway(
        tmp_path_factory.mktemp("gw"), knowing(*records), screening=Screens(),
        streaming=Streaming(wait_s=0.1),
    ) as up:  # fmt: skip
        yield up


@schema.parametrize()
@settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
def test_answers_are_as_described(served, case):
    token = served.token(DOORS.get(case.operation.path, Door.DECIDE))
    case.call_and_validate(
        base_url=served.url, headers={"Authorization": f"Bearer {token}"}, checks=CHECKS
    )


def test_every_door_of_the_service_is_described(served):
    described = set(json.loads(document())["paths"])
    assert served.service.paths() == {path for path in described if not path.startswith("/envoy")}


def test_an_unknown_state_is_described_too(tmp_path):
    with gateway(tmp_path, Knowledge()) as up, up.client() as client:
        answer = client.get("/readyz")
    states = json.loads(document())["components"]["schemas"]["State"]
    assert answer.json()["status"] in states["properties"]["status"]["enum"]
    assert set(states["required"]) <= answer.json().keys() <= states["properties"].keys()
