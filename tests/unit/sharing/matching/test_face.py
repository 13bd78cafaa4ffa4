"""The HTTP face: a lead by the deadline for who knows the token, and nothing else leaves."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from stillwatch.domain.identifier import Kind
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.matching.evaluators import Manner
from stillwatch.sharing.matching.face import Face, FaceLimits
from stillwatch.sharing.matching.labs import Labs, Newest
from stillwatch.sharing.matching.screening import Screener
from tests.evaluating import one_wrong, unless_proven
from tests.screenlab import ALPHA, Lab, identifier, lab

MAIL = identifier(Kind.EMAIL, "mallory@example.com")
LAYOUT = Layout(region="DE", documentation=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "gamma") as made:
        made.ban(ALPHA, made.actor(ALPHA), MAIL)
        yield made


@dataclass
class Served:
    url: str
    labs: Labs

    def post(self, content: Any, token: str = "t0ken", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        how = {"content": content} if isinstance(content, bytes) else {"json": content}
        return httpx.post(
            f"{self.url}/v1/screen", headers=headers, trust_env=False, timeout=60, **how, **options
        )

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=60)


@contextmanager
def served(
    home: Lab,
    manner: Manner | None = None,
    deadline_s: float = 5.0,
    limits: FaceLimits | None = None,
) -> Iterator[Served]:
    settings = home.settings
    manner = manner or Manner(canary_rate=0, audit_rate=0, patience_s=0)
    with ExitStack() as stack:
        store = stack.enter_context(home.store())
        labs = stack.enter_context(closing(Labs(settings, store, manner)))
        screener = Screener.over(settings, store, labs)
        screener._deadline_s = deadline_s
        face = Face(screener, labs, Newest(settings.tags), LAYOUT, "t0ken", deadline_s, limits)
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        config = uvicorn.Config(face, log_level="critical", lifespan="on", ws="none")
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", labs)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def test_a_sign_up_is_answered_with_its_lead(home: Lab) -> None:
    with served(home) as here:
        answer = here.post({"id": "s1", "email": "Mallory@example.com", "phone": "12"})
        assert answer.status_code == 200
        lead = answer.json()
        assert (lead["subject"], lead["step"], lead["screened"]) == ("s1", "challenge", True)
        assert lead["evidence"][0]["publisher"] == ALPHA
        assert any(reason.startswith("phone: ") for reason in lead["ignored"])
        assert "mallory" not in answer.text.lower()
        assert here.post({"email": "alice@example.com"}).json()["step"] == "none"
        own = here.post({"email": "mallory@example.com", "own_evidence": ["case-7"]}).json()
        assert own["step"] == "restrict"
        assert 'what="leads challenge"} 1' in here.get("/metrics").text


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"{", 422, "no JSON"),
        (b"[]", 422, "no JSON object"),
        (b'{"colour": "red"}', 422, "no key with an identifier"),
        (b'{"email": "a@b.example", "own_evidence": 7}', 422, "list of texts"),
        (b'{"email": "' + b"x" * 70_000 + b'"}', 413, "at most"),
    ],
)
def test_what_is_no_sign_up_is_refused_with_the_reason(
    home: Lab, content: bytes, status: int, said: str
) -> None:
    with served(home) as here:
        answer = here.post(content)
        assert answer.status_code == status
        assert said in answer.json()["description"]


def test_only_who_knows_the_token_may_ask(home: Lab) -> None:
    with served(home) as here:
        for token in ("x", "T0ken", "t0ke", "t0ken2"):
            assert here.post({"email": "mallory@example.com"}, token).status_code == 401
        assert here.get("/v1/screen").status_code == 405
        assert here.get("/elsewhere").status_code == 404
    assert not home.panel.nodes[0].asked


def test_an_outage_passes_sign_ups_and_shows_in_readiness(home: Lab) -> None:
    with served(home) as here:
        assert here.get("/readyz").json()["status"] == "ready"
        assert here.get("/healthz").status_code == 200
        for node in home.panel.nodes:
            node.refuse = lambda _: (503, {})
        lead = here.post({"email": "mallory@example.com"}).json()
        assert (lead["screened"], lead["step"]) == (False, "none")
        ready = here.get("/readyz")
        assert ready.status_code == 503
        assert "down" in str(ready.json()["evaluators_out"])


def test_slow_evaluators_do_not_hold_a_sign_up(home: Lab) -> None:
    held = threading.Event()
    try:
        with served(home, deadline_s=0.5) as here:
            assert here.post({"email": "mallory@example.com"}).json()["screened"]
            for node in home.panel.nodes:
                node.wait = held
            lead = here.post({"email": "mallory@example.com"}).json()
            assert not lead["screened"]
            held.set()
    finally:
        held.set()


def test_more_sign_ups_than_can_be_worked_on_pass(home: Lab) -> None:
    with served(home, limits=FaceLimits(waiting=0)) as here:
        lead = here.post({"email": "mallory@example.com"}).json()
        assert not lead["screened"]
        assert "too many sign-ups at once" in lead["why"][0]


def test_audits_run_in_the_background_and_find_a_liar(home: Lab) -> None:
    home.panel.nodes[0].lie = unless_proven(one_wrong)
    manner = Manner(canary_rate=0, audit_rate=1, patience_s=0)
    with served(home, manner, limits=FaceLimits(settle_seconds=0.01)) as here:
        for _ in range(200):
            step = here.post({"email": "mallory@example.com"}).json()["step"]
            if here.labs.liars():
                break
        assert here.labs.liars() == {"2026q4/1"}
        assert step in ("none", "challenge")
        assert here.post({"email": "mallory@example.com"}).json()["step"] == "challenge"
