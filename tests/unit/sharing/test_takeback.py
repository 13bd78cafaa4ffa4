"""Which published claims of ours say what was found wrong."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.drafts import revocation
from stillwatch.sharing.takeback import taken_back_by
from stillwatch.store import appeals, decisions, outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft, Sent
from tests.claims import examples, terms
from tests.decided import decided

CLAIMS = [replace(examples()["campaign"], terms=terms(n)) for n in (1, 2, 3, 4)]
BODIES = [to_stix(claim) for claim in CLAIMS]
IDS = [body["id"] for body in BODIES]
LINES = b'{"kind": "campaign", "campaign_id": "C1"}\n'
RUN = hashlib.sha256(LINES).hexdigest()[:16]


def publish(store: Store, number: int, origin: str, state: str = "published") -> None:
    body = BODIES[number]
    with store.begin() as connection:
        outbox.put(connection, Draft(body["id"], "campaign", state, origin, body, {}))  # type: ignore[arg-type]
        if state == "published":
            sent = Sent(body["id"], body["modified"], "c", orjson.dumps(body), "stored", "")
            outbox.sent(connection, "https://hub.example/", [sent])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    result = tmp_path / "result of May"
    result.mkdir()
    (result / "findings.jsonl").write_bytes(LINES)
    publish(opened, 0, f"C1 of {result}")
    publish(opened, 1, f"C2 of {result}")
    publish(opened, 2, "C1 of a result that is gone")
    publish(opened, 3, f"C1 of {result}", state="waiting")
    yield opened
    opened.close()


def back(store: Store, *evidence: str, account: str = "nobody") -> dict[str, str]:
    decision = decided(account, evidence=["case:1", *evidence])
    with store.begin() as connection:
        found = taken_back_by(connection, store.secret, decision, decision.evidence)
    assert all(one.command.startswith(f"stillwatch share revoke {one.claim} ") for one in found)
    return {one.claim: one.why for one in found}


def test_a_claim_is_found_by_its_finding(store: Store) -> None:
    assert back(store, f"finding:{RUN}/C1") == {IDS[0]: f"it was drafted from finding:{RUN}/C1"}
    assert back(store, f"finding:{RUN}/C9", "finding:0000/C1", "lead:7") == {}


def test_a_claim_is_found_by_its_id_while_it_is_live(store: Store) -> None:
    assert back(store, IDS[1], IDS[3]) == {IDS[1]: "it was the evidence"}
    gone = to_stix(revocation(CLAIMS[1]))
    with store.begin() as connection:
        sent = Sent(IDS[1], gone["modified"], "c", orjson.dumps(gone), "stored", "")
        outbox.sent(connection, "https://hub.example/", [sent])
    assert back(store, IDS[1]) == {}


def test_a_claim_is_found_by_the_accounts_it_is_about(store: Store) -> None:
    with store.begin() as connection:
        outbox.trace(connection, IDS[1], [outbox.account_tag(store.secret, "acct-9")])
        outbox.trace(connection, IDS[2], [outbox.actor_tag(store.secret, "acct-9")])
    why = "the account is among those it is about"
    assert back(store, account="acct-9") == {IDS[1]: why, IDS[2]: why}
    assert back(store, account="acct-8") == {}


def test_an_upheld_appeal_takes_the_claim_back_where_it_is_told_to(
    store: Store, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    ends = (now + timedelta(days=7)).timestamp()
    one = decided(evidence=[f"finding:{RUN}/C1"], made=now.timestamp(), until=ends)
    with store.begin() as connection:
        decisions.add(connection, [one], by="alice", now=now)
        appeals.open_appeal(connection, one.id, "not me", "bob", now)
    words = ["decisions", "appeal", "uphold", one.id, "--reason", "a school", "--by", "bob"]
    words += ["--store", str(tmp_path / "share.db")]
    for more in (["--share", "--dry-run"], ["--share"]):
        result = CliRunner().invoke(app, [*words, *more, "--json"])
        assert result.exit_code == 0, result.exception
        assert [claim["claim"] for claim in json.loads(result.stdout)["take_back"]] == [IDS[0]]
        with store.begin() as connection:
            released = outbox.listed(connection, "released")
        assert len(released) == (0 if "--dry-run" in more else 1)
    assert (released[0].stix_id, released[0].body["revoked"]) == (IDS[0], True)
