"""Sign-ups at a real gateway: the lead, what the policy made of it, and what is in force then."""

from collections.abc import Iterator

import pytest

from stillwatch.domain.identifier import Kind
from tests.gatewayprocs import Running, decided, keep, running, until
from tests.screenlab import ALPHA, Lab, identifier, lab

MAIL = identifier(Kind.EMAIL, "mallory@example.com")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab") / "gamma") as made:
        text = made.config.read_text()
        made.config.write_text(
            text.replace("# rehearsal = true", "rehearsal = true").replace(
                "deadline_ms = 1000", "deadline_ms = 20000\ncanary_rate = 0.0\naudit_rate = 0.0"
            )
        )
        made.ban(ALPHA, made.actor(ALPHA), MAIL)
        keep(made.settings.store, decided("org-bad", scope="organisation"))
        yield made


@pytest.fixture(scope="module")
def up(home: Lab) -> Iterator[Running]:
    options = ("--store", home.settings.store, "--screen", str(home.config), "--port", "0")
    with running(home.folder, *options) as one:
        yield one


def screen(up: Running, **sign_up):
    with up.client("screen") as client:
        return client.post("/v1/screen", json=sign_up, timeout=60)


def test_a_recognised_sign_up_is_challenged_here_and_at_every_gateway(up):
    said = screen(up, id="s-1", email="Mallory@example.com").json()
    assert (said["subject"], said["screened"], said["step"]) == ("s-1", True, "challenge")
    policy = said["policy"]
    assert (policy["what"], policy["effect"], policy["shadow"]) == ("made", "challenge", False)
    until(lambda: up.decide(sign_up="s-1")["effect"] == "challenge")
    assert up.decide(sign_up="s-1")["decision"] == policy["decision"]
    again = screen(up, id="s-1", email="Mallory@example.com").json()
    assert again["standing"]["decision"] == policy["decision"]
    assert again["policy"]["decision"] == policy["decision"]
    assert "mallory" not in str(again).lower()


def test_who_is_not_known_passes(up):
    said = screen(up, id="s-2", email="alice@example.com").json()
    assert (said["step"], said["policy"]) == ("none", None)
    assert said["standing"]["allowed"]
    assert up.decide(sign_up="s-2")["allowed"]


def test_a_decision_on_what_a_sign_up_names_stands_on_it(up):
    said = screen(up, id="s-3", email="bob@example.com", organisation="org-bad").json()
    assert said["standing"]["status"] == 403


def test_a_sign_up_without_a_name_is_not_decided_on(up):
    said = screen(up, email="Mallory@example.com").json()
    assert (said["step"], said["policy"]["what"]) == ("challenge", "none")


@pytest.mark.parametrize(("body", "status"), [(b"{", 422), (b"[]", 422), (b'{"x": 1}', 422)])
def test_what_is_no_sign_up_is_told(up, body, status):
    with up.client("screen") as client:
        assert client.post("/v1/screen", content=body).status_code == status


def test_whoever_may_ask_for_decisions_may_not_screen(up):
    with up.client("decide") as client:
        assert client.post("/v1/screen", json={"email": "a@example.com"}).status_code == 401
