"""An evaluator over HTTP: its answers are the function's, and everything else is refused."""

import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from stillwatch.crypto.httpsig import new_nonce
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import blind, evaluate, evaluate_input, finalize
from stillwatch.crypto.ristretto import IDENTITY, multiply_base, random_scalar
from stillwatch.crypto.threshold import Quorum, combine, proof_context, verify_part
from stillwatch.hub.evaluator import audit, ledger
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.schema import opened
from tests.databases import postgresql
from tests.evaluators import Running, dealt, held, running, today

SHARES = dealt()
ONE = multiply_base(random_scalar())


@pytest.fixture
def evaluator(tmp_path: Path) -> Iterator[Running]:
    old = held(SHARES, 1, epoch="e0", first=today() - timedelta(90), last=today() - timedelta(1))
    soon = held(SHARES, 1, epoch="e2", first=today() + timedelta(1))
    with running(tmp_path, [held(SHARES, 1), old, soon], Limits(daily=100, body_seconds=1)) as one:
        yield one


def counts(one: Running) -> dict[tuple[str, str], int]:
    database = opened(one.database)
    with database.read() as connection:
        found = {(row.member, row.what): row.count for row in audit.listed(connection)}
    database.close()
    return found


def test_two_evaluators_together_compute_the_function(tmp_path: Path) -> None:
    key = dealt()
    inputs = [b"v1|email|e1|a@example.com", b"v1|phone|e1|+12025550123"]
    blinds, blinded = blind(inputs)
    quorum, parts = Quorum.of([1, 3]), []
    for index in (1, 3):
        folder = tmp_path / str(index)
        folder.mkdir()
        with running(folder, [held(key, index)]) as one:
            part = one.client(index=index).part(blinded, proof=True)
            public = key.public_shares[index - 1]
            verify_part(part, public, quorum, blinded, proof_context("e1", 0, index))
            parts.append(part)
    outputs = finalize(inputs, blinds, combine(parts, quorum))
    secret = quorum_secret(key.shares[0].secret, key.shares[2].secret)
    assert outputs == [evaluate_input(secret, data) for data in inputs]
    assert outputs == finalize(inputs, blinds, evaluate(secret, blinded))


def quorum_secret(first: bytes, third: bytes) -> bytes:
    """The whole key from shares 1 and 3: 3/2 of the first less 1/2 of the third."""
    order = 2**252 + 27742317777372353535851937790883648493
    half = pow(2, -1, order)
    a, b = int.from_bytes(first, "little"), int.from_bytes(third, "little")
    return ((3 * a - b) * half % order).to_bytes(32, "little")


@pytest.mark.parametrize(
    ("values", "status", "said"),
    [
        ({"epoch": "e9"}, 404, "held: e0 generation 0"),
        ({"generation": 1}, 409, "held in generation 0, not 1"),
        ({"epoch": "e0"}, 409, "ended on"),
        ({"epoch": "e2"}, 409, "begins on"),
        ({"evaluator": 3}, 409, "this is evaluator 1"),
        ({"quorum": "1"}, 422, "2 or more"),
        ({"quorum": "1,4"}, 422, "evaluators 1,2,3"),
        ({"quorum": "3,1"}, 422, "ascending"),
        ({"quorum": "2,3"}, 422, "not in the quorum"),
        ({"quorum": "0,1"}, 422, "ascending"),
        ({"quorum": None}, 422, "lacks 'quorum'"),
        ({"proof": "yes"}, 422, "proof"),
        ({"generation": "-1"}, 422, "generation"),
        ({"epoch": "../e1"}, 422, "epoch"),
        ({"more": "1"}, 422, "more"),
    ],
)
def test_what_is_not_held_is_refused_with_what_is(
    evaluator: Running, values: dict[str, object], status: int, said: str
) -> None:
    answer = evaluator.client().post(ONE, **values)
    assert answer.status_code == status
    assert answer.json().keys() >= {"title", "description"}
    assert said in answer.json()["description"]
    assert evaluator.client().me().json()["used"] == 0


@pytest.mark.parametrize(
    "bad", [IDENTITY, b"\xff" * 32, b"\x01" + bytes(31), bytes(31) + b"\x80"],
    ids=["identity", "not canonical", "negative", "high bit"],
)  # fmt: skip
def test_a_bad_element_is_refused_with_its_place(evaluator: Running, bad: bytes) -> None:
    answer = evaluator.client().post(ONE + ONE + bad)
    assert (answer.status_code, answer.json()["place"]) == (422, 2)
    charged = 0 if bad == IDENTITY else 3  # found while multiplying: that was work, and a probe
    assert evaluator.client().me().json()["used"] == charged
    assert counts(evaluator)["identity--alpha", "refused.element"] == 1


def test_a_bad_element_in_a_big_batch_has_its_place(tmp_path: Path) -> None:
    with running(tmp_path, [held(SHARES, 1)]) as one:
        answer = one.client().post(ONE * 3_333 + b"\xff" * 32 + ONE * 1_000)
    assert (answer.status_code, answer.json()["place"]) == (422, 3_333)


@pytest.mark.parametrize(("body", "status"), [(b"", 422), (b"x" * 33, 422), (ONE * 5_001, 413)])
def test_a_body_that_is_no_batch_is_refused(evaluator: Running, body: bytes, status: int) -> None:
    assert evaluator.client().post(body).status_code == status
    assert evaluator.client().me().json()["used"] == 0


def test_five_thousand_elements_are_answered_in_order(tmp_path: Path) -> None:
    elements = [multiply_base(random_scalar()) for _ in range(10)] * 500
    with running(tmp_path, [held(SHARES, 1)]) as one:
        many = one.client().part(elements)
        assert one.client("beta").part(elements[:10]).elements * 500 == many.elements


class TestWhoAsks:
    """Signatures, members and nonces."""

    def test_a_stranger(self, evaluator: Running) -> None:
        client = evaluator.client()
        client.key = SigningKey.generate()
        answer = client.post(ONE)
        assert (answer.status_code, "no key of a member" in answer.text) == (401, True)

    def test_a_signature_by_another_key(self, evaluator: Running) -> None:
        client, query = evaluator.client(), evaluator.client().query()
        headers = client.signed("POST", "/v1/evaluate", query, ONE)
        other = evaluator.client("beta").signed("POST", "/v1/evaluate", query, ONE)
        headers["Signature"] = other["Signature"]
        url = f"{evaluator.url}/v1/evaluate?{query}"
        answer = httpx.post(url, content=ONE, headers=headers, trust_env=False)
        assert answer.status_code == 401

    def test_no_signature(self, evaluator: Running) -> None:
        url = f"{evaluator.url}/v1/evaluate?{evaluator.client().query()}"
        assert httpx.post(url, content=ONE, trust_env=False).status_code == 401

    def test_another_body_than_was_signed(self, evaluator: Running) -> None:
        query = evaluator.client().query()
        headers = evaluator.client().signed("POST", "/v1/evaluate", query, ONE)
        url = f"{evaluator.url}/v1/evaluate?{query}"
        answer = httpx.post(url, content=ONE + ONE, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert evaluator.client().me().json()["used"] == 0

    def test_a_request_for_another_server(self, evaluator: Running) -> None:
        """Its signature is sound; sent on by whoever runs the server it was meant for."""
        query, client = evaluator.client().query(), evaluator.client()
        client.url = "http://eval.example.com"
        headers = client.signed("POST", "/v1/evaluate", query, ONE)
        url = f"{evaluator.url}/v1/evaluate?{query}"
        assert httpx.post(url, content=ONE, headers=headers, trust_env=False).status_code == 401
        headers["Host"] = "eval.example.com"
        assert httpx.post(url, content=ONE, headers=headers, trust_env=False).status_code == 421

    def test_a_replay(self, evaluator: Running) -> None:
        nonce = new_nonce()
        assert evaluator.client().post(ONE, nonce=nonce).status_code == 200
        answer = evaluator.client().post(ONE, nonce=nonce)
        assert (answer.status_code, "sent before" in answer.text) == (401, True)
        assert evaluator.client().me().json()["used"] == 1
        assert counts(evaluator)["identity--alpha", "elements"] == 1

    @pytest.mark.parametrize("away", [-90, 90])
    def test_an_old_or_early_request(self, evaluator: Running, away: int) -> None:
        client = evaluator.client(created=int(time.time()) + away)
        assert client.post(ONE).status_code == 401

    @pytest.mark.parametrize("state", ["suspended", "removed"])
    def test_a_member_that_was_put_out(self, evaluator: Running, state: str) -> None:
        assert evaluator.client().post(ONE).status_code == 200
        evaluator.roster.states["alpha"] = state
        evaluator.roster.write()
        answer = evaluator.client().post(ONE)
        assert (answer.status_code, state in answer.text) == (403, True)
        assert evaluator.client("beta").post(ONE).status_code == 200

    @pytest.mark.parametrize("content", [b"{", None], ids=["damaged", "missing"])
    def test_without_members_nobody(self, evaluator: Running, content: bytes | None) -> None:
        evaluator.roster.path.unlink()
        if content is not None:
            evaluator.roster.path.write_bytes(content)
        answer = evaluator.client().post(ONE)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        ready = evaluator.client().get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["members"] != "ok"


class TestQuota:
    """Guesses cost, and what was spent stays spent."""

    def test_ten_thousand_guesses_are_stopped_and_seen(self, tmp_path: Path) -> None:
        shares, limits = [held(SHARES, 1)], Limits(daily=500)
        guesses = ONE * 250
        with running(tmp_path, shares, limits) as one:
            roster = one.roster
            statuses = [one.client().post(guesses).status_code for _ in range(40)]
            assert statuses == [200, 200] + [429] * 38
            answer = one.client().post(ONE)
            assert answer.json()["remaining"] == 0
            assert 0 < int(answer.headers["retry-after"]) <= 86_400
            assert one.client("beta").post(ONE).status_code == 200
        with running(tmp_path, shares, limits) as one:
            one.roster.keys.update(roster.keys)
            one.roster.write()
            assert one.client().post(ONE).status_code == 429
            assert one.client("beta").me().json()["remaining"] == 499
        seen = counts(one)
        assert seen["identity--alpha", "elements"] == 500
        assert seen["identity--alpha", "requests"] == 2
        assert seen["identity--alpha", "refused.quota"] == 40

    def test_at_once_they_are_not_more(self, tmp_path: Path) -> None:
        with running(tmp_path, [held(SHARES, 1)], Limits(daily=50)) as one:
            with ThreadPoolExecutor(16) as pool:
                found = list(pool.map(lambda _: one.client().post(ONE).status_code, range(120)))
            assert sorted(found) == [200] * 50 + [429] * 70
            assert one.client().me().json()["used"] == 50

    def test_on_postgresql(self, tmp_path: Path) -> None:
        with postgresql() as url, running(tmp_path, [held(SHARES, 1)], Limits(daily=5), url) as one:
            answers = [one.client().post(ONE * 2).status_code for _ in range(3)]
            assert answers == [200, 200, 429]

    def test_a_grant_lets_a_base_be_screened(self, evaluator: Running) -> None:
        database = opened(evaluator.database)
        with database.write() as connection:
            day = int(time.time()) // ledger.DAY
            ledger.grant(connection, "identity--alpha", 5_000, day)
        database.close()
        answer = evaluator.client().post(ONE * 4_000)
        assert answer.headers["stillwatch-quota-remaining"] == "1100"
        me = evaluator.client().me().json()
        assert (me["remaining"], me["used"], me["grants"][0]["used"]) == (1_100, 100, 3_900)

    def test_rate(self, tmp_path: Path) -> None:
        with running(tmp_path, [held(SHARES, 1)], Limits(requests_per_minute=1)) as one:
            found = [one.client().post(ONE) for _ in range(4)]
            assert {answer.status_code for answer in found} == {200, 429}
            assert one.client("beta").post(ONE).status_code == 200


def test_a_slow_body_is_ended(evaluator: Running) -> None:
    client, query = evaluator.client(), evaluator.client().query()
    host, port = evaluator.url.removeprefix("http://").split(":")
    headers = client.signed("POST", "/v1/evaluate", query, ONE)
    lines = [f"POST /v1/evaluate?{query} HTTP/1.1", f"Host: {host}:{port}", "Content-Length: 32"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((host, int(port)), 30) as raw:
        raw.sendall("\r\n".join([*lines, "", ""]).encode() + ONE[:5])
        assert raw.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert evaluator.client().me().json()["used"] == 0


def test_a_body_without_end_is_cut_off(evaluator: Running) -> None:
    client, query = evaluator.client(), evaluator.client().query()
    headers = client.signed("POST", "/v1/evaluate", query, ONE)
    url = f"{evaluator.url}/v1/evaluate?{query}"
    pieces = (bytes(10_000) for _ in range(100))
    assert httpx.post(url, content=pieces, headers=headers, trust_env=False).status_code == 413


def test_operations(evaluator: Running) -> None:
    evaluator.client().post(ONE)
    assert evaluator.client().get("/healthz").json() == {"status": "ok"}
    assert evaluator.client().get("/readyz").json()["status"] == "ready"
    figures = evaluator.client().get("/metrics").text
    assert 'stillwatch_evaluator_elements_total{epoch="e1",generation="0"} 1.0' in figures
    assert "stillwatch_evaluator_epochs_open 1.0" in figures
    assert "stillwatch_evaluator_epoch_days_left 89.0" in figures
    assert "alpha" not in figures
    assert evaluator.client().get("/metrics", headers={"X-Forwarded-For": "::1"}).status_code == 403
    assert evaluator.client().get("/v1/evaluate").headers["allow"] == "POST"
    assert evaluator.client().get("/other").status_code == 404


def test_not_ready_without_a_share_or_its_database(tmp_path: Path) -> None:
    with running(tmp_path, []) as one:
        assert one.client().get("/readyz").json()["checks"]["share"] != "ok"
        (tmp_path / "evaluator.db").unlink()
        assert one.client().get("/readyz").json()["checks"]["database"] != "ok"


def test_nothing_that_was_asked_is_written_down(
    evaluator: Running, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    evaluator.client().post(ONE + b"\xff" * 32)
    evaluator.client().post(ONE)
    secret = SHARES.shares[0].secret
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    for value in (bytes(ONE), secret):
        assert value not in kept
        assert value.hex() not in caplog.text
        assert value.hex().encode() not in kept
    assert repr(secret) not in repr(held(SHARES, 1))
