"""From a key's enrolment to a checked log: real HTTP, the real store, the client core, the checker."""

from dataclasses import replace
from datetime import timedelta

import httpx

from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import VerifierKey
from stillwatch.crypto.tiles import bundles, decode_bundle
from stillwatch.domain.claim import StixId
from stillwatch.hub.clock import instant, now
from stillwatch.hub.fsck.check import check
from stillwatch.intel.objects import from_micros
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.history import Pull
from stillwatch.sharing.known import Audience, Known
from tests.claims import examples
from tests.hubs import people, serving


def published(identity: str, key: SigningKey) -> list[dict]:
    """One lawful claim of each kind that needs no other's, as its publisher signs it today."""
    moment = from_micros(now()).replace(microsecond=0)  # the field policy has no fractions
    today = moment.replace(hour=0, minute=0, second=0)
    claims = []
    for kind, claim in examples().items():
        if kind in ("opinion", "sighting", "tags"):
            continue  # nobody judges its own claim, and tags need their pack
        terms = replace(
            claim.terms,
            publisher=StixId(identity),
            valid_from=today - timedelta(days=1),
            valid_until=today + timedelta(days=90),
            created=moment - timedelta(hours=2),
            modified=moment - timedelta(hours=1),
        )
        claims.append(sign(to_stix(replace(claim, terms=terms)), key))
    return claims


def follow(http: httpx.Client, known: Known) -> tuple[Known, list]:
    listed = http.get("/log/audiences").json()["audiences"]
    audiences = [Audience(a["id"], a["collection"], bytes.fromhex(a["secret"])) for a in listed]
    pull = Pull(known, http.get("/log/checkpoint").text, audiences)
    for tile in bundles(known.size, pull.checkpoint.size):
        entries = decode_bundle(http.get(f"/log/tile/{tile.path}").content)
        pull.add_entries(entries[max(0, known.size - tile.index * 256) :])
    wanted = [leaf.index for leaf in pull.close_tree()]
    if wanted:
        answer = http.post(
            "/log/records", json={"indexes": wanted}, headers={"Content-Type": "application/json"}
        )
        assert answer.headers["Stillwatch-Answered"] == str(len(wanted))
        pull.add_records(line for line in answer.content.split(b"\n") if line)
    return pull.finish()


def test_what_is_published_is_logged_followed_and_checked(made, database_url, key_file):
    key = SigningKey.generate()
    with serving(people(database_url, key_file)) as world:
        json = {"Content-Type": "application/json"}
        with world.client("alpha") as alpha:
            identity = alpha.get("/v1/members/me", headers={"Accept": "*/*"}).json()["identity"]
            said = statements.add(identity, key, instant(now()))
            assert alpha.post("/v1/keys", json=said, headers=json).status_code == 201
            claims = published(identity, key)
            path = f"/api/collections/{world.ids['claims']}/objects/"
            status = alpha.post(path, json={"objects": claims}).json()
            assert status["failure_count"] == 0, [f["message"] for f in status["failures"]]
        with world.client("beta") as beta:
            known, logged = follow(beta, Known(VerifierKey.parse(made.vkey)))
            shown = {c.object["id"]: c.object for c in logged}
            assert shown == {obj["id"]: obj for obj in claims}
            served = beta.get(path).json()["objects"]
            assert {obj["id"]: obj for obj in served} == shown
            assert follow(beta, known)[1] == []
        remote = check(url=world.base, token=world.tokens["beta"], vkey=made.vkey)
        local = check(database=database_url, vkey=made.vkey)
    assert remote.faults == local.faults == []
    assert remote.looked_at["claims"] == local.looked_at["claims"] == len(claims)
