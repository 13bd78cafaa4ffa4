"""What a gateway answers, over real HTTP."""

import json

import pytest

from stillwatch.domain.decision import Scope
from stillwatch.gateway.decider import FailRules
from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.tokens import Door
from tests.gateways import gateway
from tests.unit.gateway.made import id_of, knowing, record

RECORDS = (
    record(1),
    record(2, effect="challenge"),
    record(3, effect="throttle", rate={"per_minute": 1}),
    record(4, effect="degrade", cohort="co/7\r\nx: y"),
    record(5, effect="observe"),
    record(6, effect="allow"),
    record(7, shadow=True),
    record(8, effect="throttle", rate={"concurrency": 2}),
    record(9, scope="range", value="192.0.2.0/24"),
    record(10, scope="sign-up", value="s-1"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("gw"), knowing(*RECORDS), appeal="ask@example.com") as up:
        yield up


PASSED = {
    "allowed": True, "status": 200, "effect": "allow", "decision": None, "reason": "",
    "retry_after_s": None, "shadow": [], "knowledge_age_s": 0.0, "lease": None, "degrade": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, {}),
        ({"account": "nobody", "address": None}, {}),
        (
            {"account": "account-1"},
            {"allowed": False, "status": 403, "effect": "block", "decision": id_of(1), "reason": "reason 1"},
        ),
        (
            {"account": "account-2"},
            {"allowed": False, "status": 403, "effect": "challenge", "decision": id_of(2), "reason": "reason 2"},
        ),
        (
            {"account": "account-3"},
            {"allowed": False, "status": 429, "effect": "throttle", "decision": id_of(3), "reason": "reason 3", "retry_after_s": 7.2},
        ),
        (
            {"account": "account-4"},
            {
                "effect": "degrade", "decision": id_of(4), "reason": "reason 4",
                "degrade": {"hide_reasoning": True, "logprobs": False, "cohort": "co/7\r\nx: y"},
            },
        ),
        ({"account": "account-5"}, {"effect": "observe", "decision": id_of(5), "reason": "reason 5"}),
        ({"account": "account-6", "address": "192.0.2.1"}, {"decision": id_of(6), "reason": "reason 6"}),
        ({"account": "account-7"}, {"shadow": [id_of(7)]}),
        ({"address": "::ffff:192.0.2.9"}, {"allowed": False, "status": 403, "effect": "block", "decision": id_of(9), "reason": "reason 9"}),
        ({"address": "192.0.2.9:50412"}, {"allowed": False, "status": 403, "effect": "block", "decision": id_of(9), "reason": "reason 9"}),
        ({"address": "[::ffff:192.0.2.9]:443"}, {"allowed": False, "status": 403, "effect": "block", "decision": id_of(9), "reason": "reason 9"}),
        ({"sign_up": "s-1"}, {"allowed": False, "status": 403, "effect": "block", "decision": id_of(10), "reason": "reason 10"}),
        ({"address": "no address", "account": "account-5"}, {"effect": "observe", "decision": id_of(5), "reason": "reason 5"}),
        ({"account": "x" * 600, "sign_up": ""}, {}),
    ],
)  # fmt: skip
def test_a_decision_is_told(served, request_, said):
    assert served.decide(**request_) == PASSED | said


def test_a_lease_is_given_and_taken_back(served):
    lease = served.decide(account="account-8")["lease"]
    assert lease
    with served.client() as client:
        assert client.post("/v1/release", json={"lease": lease}).json() == {"released": True}
        assert client.post("/v1/release", json={"lease": 7}).status_code == 400
        assert client.post("/v1/release", content=b"[").status_code == 400
    assert served.throttles.released[-1] == lease


def test_headers_stand_beside_the_answer(served):
    with served.client() as client:
        refused = client.post("/v1/decide", json={"account": "account-3"})
        passed = client.post("/v1/decide", json={})
    assert refused.headers["x-stillwatch-effect"] == "throttle"
    assert refused.headers["x-stillwatch-decision"] == id_of(3)
    assert refused.headers["retry-after"] == "8"
    assert passed.headers["x-stillwatch-effect"] == "allow"
    assert "x-stillwatch-decision" not in passed.headers


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"[]", "object"),
        (b'{"acount": "a"}', "did you mean 'account'?"),
        (b'{"account": 7}', "account is a text or null"),
        (b'{"account": "\xff"}', "no JSON"),
        (b'{"account": "a"', "no JSON"),
    ],
)
def test_a_body_that_cannot_be_used_is_named(served, body, said):
    with served.client() as client:
        answer = client.post("/v1/decide", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["description"]


@pytest.mark.parametrize("door", list(Door))
def test_a_token_opens_its_own_door_only(served, door):
    asked = {
        Door.DECIDE: ("POST", "/v1/decide"),
        Door.STREAM: ("GET", "/v1/decisions/stream"),
    }
    with served.client(door) as client:
        for of, (method, path) in asked.items():
            status = client.request(method, path, json={} if method == "POST" else None).status_code
            assert status == (200 if of is door else 401)
        for path in ("/metrics", "/readyz", "/openapi.json"):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic x"}])
def test_a_probe_without_a_token_is_told_whether_it_is_ready_and_nothing_else(served, headers):
    import httpx

    answer = httpx.get(served.url + "/readyz", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    assert answer.headers["cache-control"] == "no-store"
    assert httpx.head(served.url + "/readyz", headers=headers).status_code == 200
    wrong = httpx.get(served.url + "/readyz", headers={"authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    with served.client() as client:
        assert client.get("/readyz").json().keys() > {"status", "sequence"}


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic x"}]
)
def test_nobody_else_is_answered(served, headers):
    import httpx

    for method, path in (
        ("POST", "/v1/decide"), ("POST", "/v1/release"), ("GET", "/v1/decisions/stream"), ("GET", "/nginx"),
        ("GET", "/envoy/x"), ("GET", "/metrics"), ("GET", "/openapi.json"),
    ):  # fmt: skip
        answer = httpx.request(method, served.url + path, headers=headers)
        assert (answer.status_code, path) == (401, path)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert httpx.get(served.url + "/healthz").json() == {"status": "ok"}
    assert httpx.get(served.url + "/v1/screen").status_code == 404


def test_two_tokens_are_good_while_one_takes_the_place_of_the_other(tmp_path):
    with gateway(tmp_path, knowing()) as up:
        old, file = up.token(), up.live.settings.tokens.decide
        file.write_text(f"# rotated\n{old}\n{'n' * 32}\n")
        assert up.live.changed()
        assert up.live.reload(lambda _: None)
        for token, status in ((old, 200), ("n" * 32, 200), ("m" * 32, 401)):
            with up.client() as client:
                client.headers["authorization"] = f"Bearer {token}"
                assert client.post("/v1/decide", json={}).status_code == status


def test_the_methods_that_are_known_are_told(served):
    with served.client() as client:
        answer = client.get("/v1/decide")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


ENVOY = [
    ("account-0", 200, {"x-stillwatch-effect": "allow"}),
    ("account-1", 403, {"x-stillwatch-effect": "block", "x-stillwatch-decision": id_of(1)}),
    ("account-3", 429, {"retry-after": "8"}),
    (
        "account-4",
        200,
        {"x-stillwatch-degrade": "no-reasoning, no-logprobs, cohort=co%2F7%0D%0Ax%3A%20y"},
    ),
    ("account-7", 200, {"x-stillwatch-shadow": id_of(7)}),
]


@pytest.mark.parametrize(("account", "status", "headers"), ENVOY)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PATCH"])
def test_envoy_asks_with_the_clients_own_request(served, account, status, headers, method):
    with served.client() as client:
        answer = client.request(
            method,
            "/envoy/v1/chat?x=1%20",
            headers={"x-account-id": account, "host": "a.example.com"},
        )
    assert answer.status_code == status
    assert headers.items() <= dict(answer.headers).items()


def test_the_refused_are_told_how_to_appeal_and_not_why(served):
    with served.client() as client:
        answer = client.get("/envoy/", headers={"x-account-id": "account-1"})
    assert answer.json() == {
        "error": {
            "type": "access_refused",
            "message": "This request was refused.",
            "decision": id_of(1),
            "appeal": "ask@example.com",
        }
    }
    assert "reason 1" not in str(answer.headers)


@pytest.mark.parametrize(
    ("account", "status", "meant"),
    [("account-0", 204, None), ("account-1", 403, "403"), ("account-3", 403, "429")],
)
def test_nginx_knows_three_answers(served, account, status, meant):
    with served.client() as client:
        answer = client.get("/nginx", headers={"x-account-id": account})
    assert (answer.status_code, answer.headers.get("x-stillwatch-status")) == (status, meant)
    assert answer.content == b""


def test_an_address_header_is_read_from_the_right(served):
    with served.client() as client:
        for said, status in (
            ("192.0.2.1, 203.0.113.5", 204),
            ("203.0.113.5, 192.0.2.1", 403),
            ("192.0.2.1:4711", 403),
        ):
            answer = client.get("/nginx", headers={"x-forwarded-for": said})
            assert answer.status_code == status


def test_two_names_of_one_asker_are_refused(served):
    with served.client() as client:
        headers = [("x-account-id", "a"), ("x-account-id", "account-1")]
        assert client.get("/nginx", headers=headers).status_code == 403
        same = [("x-account-id", "a"), ("x-account-id", "a")]
        assert client.get("/nginx", headers=same).status_code == 204


def test_a_closed_scope_without_knowledge_is_503_and_never_an_outage_to_a_proxy(tmp_path):
    rules = FailRules(frozenset({Scope.ACCOUNT}))
    with gateway(tmp_path, Knowledge(), rules=rules) as up, up.client() as client:
        assert up.decide(account="a") == PASSED | {
            "allowed": False, "status": 503, "effect": "closed", "retry_after_s": 5.0,
            "knowledge_age_s": None,
            "reason": "nothing is known yet, and requests by account are refused then",
        }  # fmt: skip
        assert up.decide(key="k")["allowed"]
        for path in ("/envoy/x", "/nginx"):
            answer = client.get(path, headers={"x-account-id": "a"})
            assert answer.status_code == 403
            assert answer.headers["x-stillwatch-status"] == "503"
        assert client.get("/readyz").status_code == 503
        del client.headers["authorization"]
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})
    with up.live.settings.tokens.decide.open() as file:
        assert file.read()


def test_figures_tell_what_was_answered(tmp_path):
    with gateway(tmp_path, knowing(*RECORDS)) as up, up.client() as client:
        for account in ("account-1", "account-1", "account-4", "x"):
            up.decide(account=account)
        up.decide(address="?")
        client.get("/nginx", headers={"x-account-id": "account-1"})
        client.get("/nowhere")
        text = client.get("/metrics").text
    for line in (
        'requests_total{endpoint="decide",status="200"} 5',
        'requests_total{endpoint="nginx",status="403"} 1',
        'requests_total{endpoint="other",status="404"} 1',
        'decisions_total{effect="block",scope="account"} 3',
        'decisions_total{effect="allow",scope="none"} 2',
        'unusable_total{member="address"} 1',
        'answer_seconds_count{endpoint="decide"} 5',
    ):
        assert f"stillwatch_gateway_{line}\n" in text
    from prometheus_client.parser import text_string_to_metric_families

    assert len(list(text_string_to_metric_families(text))) > 15


def test_the_description_is_served(served):
    with served.client(Door.METRICS) as client:
        assert json.loads(client.get("/openapi.json").content)["openapi"] == "3.1.0"
