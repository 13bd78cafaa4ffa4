"""Governance over real HTTP, and the attacks on it."""

import threading
from dataclasses import replace

import jsonschema
import pytest

from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.hub import audit, governance, members, quotas, tokens
from stillwatch.hub.clock import instant, now
from stillwatch.hub.database import connect
from stillwatch.hub.logkey import signer
from stillwatch.hub.members import State
from tests.hubs import people, serving
from tests.speakers import Forum


@pytest.fixture
def forum(made, database_url, key_file):
    assert made.fresh
    with serving(people(database_url, key_file)) as world:
        forum = Forum(world)
        for name in ("alpha", "beta", "gamma"):
            forum.enrol(name)
        yield forum


@pytest.fixture
def own(forum):
    """The hub's database, as the operator's commands open it."""
    database = connect(forum.world.url)
    yield database
    database.close()


def suspend(forum, own, name, state=State.SUSPENDED, **more):
    with own.write() as connection:
        log = governance.into(signer(connection, forum.world.key_file))
        member = members.named(connection, name)
        governance.change(connection, log, member, state, now=now(), **more)


def test_a_claim_gains_standing_by_distinct_members(forum):
    claim = forum.campaign("alpha")
    forum.opinion("beta", claim)
    forum.opinion("gamma", claim, "disagree", "innocent-explanation")
    assert forum.counts("alpha", claim) == (1, 0, 1, 0)
    assert forum.standing("beta", claim)["state"] == "disputed"


def test_standing_is_read_once_and_resumed(forum):
    claims = [forum.campaign("alpha") for _ in range(3)]
    seen, since = [], None
    for _ in range(4):
        params = {"limit": 1} | ({} if since is None else {"since": since})
        page = forum.ask("beta", "GET", "/v1/standing", params=params).json()
        seen += [entry["claim"] for entry in page["standing"]]
        since = page["next"] or since
    assert seen == claims
    forum.opinion("gamma", claims[0])
    page = forum.ask("beta", "GET", "/v1/standing", params={"since": since}).json()
    assert claims[0] in [entry["claim"] for entry in page["standing"]]


def test_who_may_not_read_a_claim_learns_nothing_of_its_standing(forum):
    from stillwatch.domain.claim import Tlp
    from stillwatch.intel.ids import MARKINGS

    draft = forum.draft("alpha")
    draft["object_marking_refs"] = [MARKINGS[Tlp.RED]]
    claim = forum.publish("alpha", draft)
    for who, sees in (("alpha", True), ("beta", False), ("delta", False)):
        text = forum.ask(who, "GET", "/v1/standing").text
        assert (claim in text) == sees
    body = {
        "collection": forum.world.ids["claims"],
        "claim": claim,
        "reason": "mistaken-identity",
    }
    assert forum.ask("beta", "POST", "/v1/appeals", json=body).status_code == 404


def test_nul_in_a_body_is_refused(forum):
    body = {"collection": "c", "claim": "x", "reason": "mistaken-identity"}
    for name in body:
        sent = forum.ask("beta", "POST", "/v1/appeals", json=body | {name: "a\0b"})
        assert sent.status_code == 422, sent.text
        assert name in sent.text


def test_an_appeal_freezes_until_its_publisher_answers(forum):
    claim = forum.campaign("alpha")
    body = {
        "collection": forum.world.ids["claims"],
        "claim": claim,
        "reason": "shared-infrastructure",
    }
    opened = forum.ask("beta", "POST", "/v1/appeals", json=body)
    assert opened.status_code == 201, opened.text
    assert forum.standing("gamma", claim)["state"] == "frozen"
    assert forum.ask("beta", "POST", "/v1/appeals", json=body).status_code == 409
    mine = forum.ask("alpha", "GET", "/v1/appeals").json()["appeals"]
    assert [(a["part"], a["state"]) for a in mine] == [("publisher", "open")]
    assert forum.ask("gamma", "GET", "/v1/appeals").json()["appeals"] == []
    path = f"/v1/appeals/{mine[0]['id']}"
    assert forum.ask("gamma", "GET", path).status_code == 404
    forum.opinion("alpha", claim, "agree", "appeal-rejected")
    assert forum.standing("gamma", claim)["state"] == "current"
    assert forum.ask("beta", "GET", path).json()["state"] == "rejected"


def test_an_appeal_has_no_place_for_a_person(forum):
    claim = forum.campaign("alpha")
    body = {"collection": forum.world.ids["claims"], "claim": claim, "reason": "mistaken-identity"}
    told = forum.ask("beta", "POST", "/v1/appeals", json={**body, "holder": "Jane Example"})
    assert told.status_code == 422
    assert "Jane" not in told.text
    told = forum.ask("beta", "POST", "/v1/appeals", json={**body, "reason": "Jane Example"})
    assert told.status_code == 422
    assert "Jane" not in told.text


def test_an_appeal_is_withdrawn_by_who_brought_it(forum):
    claim = forum.campaign("alpha")
    body = {"collection": forum.world.ids["claims"], "claim": claim, "reason": "mistaken-identity"}
    opened = forum.ask("beta", "POST", "/v1/appeals", json=body).json()
    path = f"/v1/appeals/{opened['id']}/withdraw"
    assert forum.ask("alpha", "POST", path).status_code == 403
    assert forum.ask("gamma", "POST", path).status_code == 404
    assert forum.ask("beta", "POST", path).json()["state"] == "withdrawn"
    assert forum.standing("gamma", claim)["state"] == "current"


class TestSuspension:
    def test_tokens_stop_and_claims_are_marked(self, forum, own):
        claim = forum.campaign("alpha")
        assert forum.standing("beta", claim)["state"] == "current"
        suspend(forum, own, "alpha")
        assert forum.ask("alpha", "GET", "/v1/members/me").status_code == 401
        assert forum.standing("beta", claim)["state"] == "suspended"
        suspend(forum, own, "alpha", State.ACTIVE)
        assert forum.ask("alpha", "GET", "/v1/members/me").status_code == 200
        assert forum.standing("beta", claim)["state"] == "current"

    def test_a_claim_signed_by_a_suspended_member_is_refused_from_anybody(self, forum, own):
        alpha = forum.names["alpha"]
        draft = forum.draft("alpha")
        suspend(forum, own, "alpha")
        forum.names["smuggler"] = replace(alpha, member="beta")
        status = forum.say("smuggler", draft)
        assert status["failure_count"] == 1
        assert "signature" in status["failures"][0]["message"]

    def test_a_reinstated_member_speaks_again(self, forum, own):
        suspend(forum, own, "alpha")
        suspend(forum, own, "alpha", State.ACTIVE)
        assert forum.campaign("alpha")

    def test_a_revoked_token_stops_and_the_other_goes_on(self, forum, own):
        with own.write() as connection:
            member = members.named(connection, "alpha")
            other = tokens.issue(connection, member, now=now(), label="second")
            first = tokens.listed(connection, "alpha")[0]
            tokens.revoke(connection, first.id, now=now())
        assert forum.ask("alpha", "GET", "/v1/members/me").status_code == 401
        forum.world.tokens["alpha"] = other
        assert forum.ask("alpha", "GET", "/v1/members/me").status_code == 200


class TestSockPuppets:
    def test_a_second_name_of_a_member_adds_no_voice(self, forum):
        forum.enrol("shade", "beta")
        claim = forum.campaign("alpha")
        forum.opinion("beta", claim)
        from stillwatch.domain.claim import StixId

        second = forum.draft("shade", "opinion", object=StixId(claim))
        status = forum.say("shade", second)
        assert status["failure_count"] == 1
        assert forum.counts("gamma", claim) == (1, 0, 0, 0)

    def test_two_names_at_once_make_one_voice(self, forum):
        from stillwatch.domain.claim import StixId

        forum.enrol("shade", "beta")
        claim = forum.campaign("alpha")
        drafts = [forum.draft(n, "opinion", object=StixId(claim)) for n in ("beta", "shade")]
        told = []
        threads = [
            threading.Thread(target=lambda n=n, d=d: told.append(forum.say(n, d)))
            for n, d in zip(("beta", "shade"), drafts, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(status["success_count"] for status in told) == [0, 1]
        assert forum.counts("gamma", claim) == (1, 0, 0, 0)

    def test_nobody_confirms_itself(self, forum):
        from stillwatch.domain.claim import StixId

        forum.enrol("shade", "alpha")
        claim = forum.campaign("alpha")
        status = forum.say("shade", forum.draft("shade", "opinion", object=StixId(claim)))
        assert "your own" in status["failures"][0]["message"]
        assert forum.counts("gamma", claim) == (0, 0, 0, 0)


def test_no_answer_to_other_members_names_the_holder_of_a_pseudonym(forum, own):
    shade = forum.enrol("shade", "alpha")
    claims = [forum.campaign("shade"), forum.campaign("beta")]
    forum.opinion("shade", claims[1])
    body = {
        "collection": forum.world.ids["claims"],
        "claim": claims[0],
        "reason": "mistaken-identity",
    }
    assert forum.ask("gamma", "POST", "/v1/appeals", json=body).status_code == 201
    told = []
    for who in ("beta", "gamma"):
        here = f"/api/collections/{forum.world.ids['claims']}"
        for path in (
            f"{here}/objects/",
            f"{here}/manifest/",
            f"{here}/objects/{claims[0]}/",
            f"{here}/objects/{claims[0]}/versions/",
            "/v1/standing",
            "/v1/appeals",
            "/v1/members/me",
            "/taxii2/",
            "/api/",
        ):
            told.append(forum.ask(who, "GET", path))
        directory = forum.ask(who, "GET", "/v1/keys").json()["keys"]
        mine = [key for key in directory if key["identity"] == shade.identity]
        assert [key["member"] for key in mine] == [None]
    assert any(shade.identity in answer.text for answer in told)
    for answer in told:
        assert answer.status_code == 200, answer.text
        for name in ("alpha", forum.names["alpha"].identity):
            assert name not in answer.text
            assert name not in str(answer.headers)
    with own.read() as connection:
        from sqlalchemy import select

        from stillwatch.hub.schema import leaves

        for statement in connection.scalars(select(leaves.c.statement)):
            assert (
                statement is None
                or shade.identity.encode() not in statement
                or (
                    b"alpha" not in statement
                    and forum.names["alpha"].identity.encode() not in statement
                )
            )


class TestKeys:
    def test_of_two_rotations_at_once_one_wins(self, forum):
        alpha = forum.names["alpha"]
        told = []

        def rotate():
            said = statements.rotate(
                alpha.identity, alpha.key, SigningKey.generate(), instant(now())
            )
            told.append(forum.ask("alpha", "POST", "/v1/keys", json=said).status_code)

        threads = [threading.Thread(target=rotate) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == [201, 409, 409, 409, 409, 409]

    def test_a_rotated_key_speaks_no_more(self, forum):
        alpha = forum.names["alpha"]
        new = SigningKey.generate()
        said = statements.rotate(alpha.identity, alpha.key, new, instant(now()))
        assert forum.ask("alpha", "POST", "/v1/keys", json=said).status_code == 201
        status = forum.say("alpha", forum.draft("alpha"))
        assert status["failure_count"] == 1
        alpha.key = new
        assert forum.campaign("alpha")

    def test_another_members_key_is_out_of_reach(self, forum):
        alpha = forum.names["alpha"]
        said = statements.end(alpha.identity, alpha.key.id, instant(now()), "retired", alpha.key)
        assert forum.ask("beta", "POST", "/v1/keys", json=said).status_code == 403

    def test_a_witness_of_an_old_statement_replays_nothing(self, forum):
        alpha = forum.names["alpha"]
        new = SigningKey.generate()
        said = statements.rotate(alpha.identity, alpha.key, new, instant(now()))
        assert forum.ask("alpha", "POST", "/v1/keys", json=said).status_code == 201
        assert forum.ask("alpha", "POST", "/v1/keys", json=said).status_code == 409

    def test_the_directory_pages(self, forum):
        first = forum.ask("delta", "GET", "/v1/keys", params={"limit": 2}).json()
        assert first["more"]
        rest = forum.ask("delta", "GET", "/v1/keys", params={"after": first["next"]}).json()
        assert not rest["more"]
        names = {key["member"] for key in (*first["keys"], *rest["keys"])}
        assert names == {"alpha", "beta", "gamma"}

    @pytest.mark.parametrize("junk", ["[]", "{", '"x"', "{}", '{"action": []}', "null", "\x00"])
    def test_junk_is_refused_with_a_taxii_error(self, forum, junk):
        told = forum.ask("alpha", "POST", "/v1/keys", content=junk)
        assert told.status_code in (400, 422)
        assert told.json()["title"]


class TestTokenGuessing:
    def test_every_wrong_credential_gets_the_same_answer(self, forum):
        own = forum.world.tokens["alpha"]
        tries = [
            ("alpha", own[:-1] + ("A" if own[-1] != "A" else "B")),
            ("nobody", own),
            ("beta", own),
            ("alpha", ""),
            ("", ""),
        ]
        told = []
        for credentials in tries:
            with forum.world.client(None) as client:
                told.append(client.get("/v1/members/me", auth=credentials))
        assert {answer.status_code for answer in told} == {401}
        bodies = [{k: v for k, v in a.json().items() if k != "error_id"} for a in told]
        assert all(body == bodies[0] for body in bodies)

    def test_guesses_are_audited_without_the_guess(self, forum, own):
        with serving(replace(forum.world)) as hub:
            for guess in range(20):
                with hub.client(None) as client:
                    client.get("/v1/members/me", auth=("alpha", f"secret-guess-{guess}"))
        with own.read() as connection:
            found = audit.rows(connection, action="refused.401", subject="from 127.0.0.0/24")
        assert [row.count for row in found if row.count >= 20]
        assert "secret-guess" not in repr(found)


class TestQuotas:
    def test_a_spent_quota_is_429_with_the_time(self, forum, own):
        with own.write() as connection:
            quotas.override(connection, members.named(connection, "alpha").id, "writes", "1")
        forum.campaign("alpha")
        path = f"/api/collections/{forum.world.ids['claims']}/objects/"
        from stillwatch.intel.signed import sign

        body = {"objects": [sign(forum.draft("alpha"), forum.names["alpha"].key)]}
        told = forum.ask("alpha", "POST", path, json=body)
        assert told.status_code == 429
        assert 0 < int(told.headers["Retry-After"]) <= 86_400
        assert told.json()["title"] == "Quota spent"
        used = {
            q["kind"]: q["used"]
            for q in forum.ask("alpha", "GET", "/v1/members/me").json()["quotas"]
        }
        assert used["writes"] == 1

    def test_reads_of_claims_are_counted_and_open_collections_are_not(self, forum, own):
        with own.write() as connection:
            quotas.override(connection, members.named(connection, "beta").id, "reads", "2")
        for _ in range(3):
            forum.campaign("alpha")
        claims, feed = (
            f"/api/collections/{forum.world.ids[i]}/objects/" for i in ("claims", "all")
        )
        assert forum.ask("beta", "GET", claims).status_code == 200
        assert forum.ask("beta", "GET", claims).status_code == 429
        assert forum.ask("beta", "GET", feed).status_code == 200
        assert forum.ask("beta", "GET", "/v1/standing").status_code == 200
        with serving(forum.world):
            assert forum.ask("beta", "GET", claims).status_code == 429


class TestOperations:
    def test_health_needs_no_credentials(self, forum):
        assert forum.ask(None, "GET", "/healthz").json() == {"status": "ok"}
        told = forum.ask(None, "GET", "/readyz")
        assert (told.status_code, told.json()["status"]) == (200, "ready")
        assert set(told.json()["checks"].values()) == {"ok"}

    def test_a_forged_checkpoint_is_not_ready(self, forum, own):
        from sqlalchemy import update

        from stillwatch.hub.schema import checkpoints

        with own.write() as connection:
            connection.execute(update(checkpoints).values(note=checkpoints.c.note + "x"))
        told = forum.ask(None, "GET", "/readyz")
        assert told.status_code == 503
        assert told.json()["checks"]["checkpoint"] != "ok"

    def test_figures_are_told_to_this_machine_and_to_operators(self, forum, own):
        forum.campaign("alpha")
        forum.ask(None, "GET", "/v1/members/me")
        text = forum.ask(None, "GET", "/metrics").text
        assert 'route="/v1/keys",status="201"' in text
        assert "stillwatch_hub_log_size 4.0" in text
        assert "stillwatch_hub_objects 1.0" in text
        assert "alpha" not in text
        far = {"X-Forwarded-For": "192.0.2.1"}
        assert forum.ask(None, "GET", "/metrics", headers=far).status_code == 401
        assert forum.ask("alpha", "GET", "/metrics", headers=far).status_code == 403
        with own.write() as connection:
            member = members.add(connection, "boss", "operator", now=now())
            forum.world.tokens["boss"] = tokens.issue(connection, member, now=now())
        assert forum.ask("boss", "GET", "/metrics", headers=far).status_code == 200

    def test_labels_of_figures_are_bounded(self, forum):
        for number in range(30):
            forum.ask("alpha", "GET", f"/made/up/{number}")
            forum.ask("alpha", f"METHOD{number}", "/v1/standing")
        text = forum.ask(None, "GET", "/metrics").text
        assert "/made/up" not in text
        assert "METHOD" not in text


class TestDescription:
    def test_every_route_is_described_with_its_errors_and_an_example(self, forum):
        found = forum.ask("alpha", "GET", "/openapi.json").json()
        assert found["openapi"].startswith("3.1")
        assert {"basic", "bearer"} == set(found["components"]["securitySchemes"])
        assert {"/v1/keys", "/v1/standing", "/v1/appeals", "/api/collections/"} <= set(
            found["paths"]
        )
        for path, operations in found["paths"].items():
            for operation in operations.values():
                assert operation["summary"], path
                for status, answer in operation["responses"].items():
                    if path != "/healthz" and status != "204":
                        assert "content" in answer, (path, status)

    def test_live_answers_match_their_description(self, forum):
        found = forum.ask("alpha", "GET", "/openapi.json").json()
        forum.campaign("alpha")
        for path in ("/v1/keys", "/v1/members/me", "/v1/standing", "/v1/appeals", "/readyz"):
            described = found["paths"][path]["get"]["responses"]["200"]
            schema = described["content"]["application/json"]["schema"]
            whole = {**schema, "components": found["components"]}
            jsonschema.validate(forum.ask("alpha", "GET", path).json(), whole)
            jsonschema.validate(described["content"]["application/json"]["example"], whole)

    def test_errors_are_taxii_errors(self, forum):
        for who, method, path, status in (
            (None, "GET", "/v1/standing", 401),
            ("alpha", "GET", "/v1/standing?since=yesterday", 422),
            ("alpha", "GET", "/v1/standing?limit=0", 422),
            ("alpha", "GET", "/v1/appeals/none", 404),
            ("alpha", "PUT", "/v1/keys", 405),
        ):
            told = forum.ask(who, method, path)
            assert told.status_code == status, told.text
            assert told.headers["content-type"] == "application/taxii+json;version=2.1"
            assert {"title", "error_id", "http_status"} <= told.json().keys()
