"""Attacks on private matching, mounted with the program's own commands and with bent clients.

A hub, three labs and their evaluators over HTTP. Every test has a part in which the attack would
be seen to work if nothing stood against it.
"""

import hashlib
import hmac
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson
import pytest
from bench.matching.leaks import Needles

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.epoch_document import sign as sign_epoch
from stillwatch.crypto.epoch_document import signed
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import evaluate_input
from stillwatch.crypto.ristretto import Scalar, plus, times
from stillwatch.crypto.threshold import Quorum, unsafe_dealer
from stillwatch.domain.claim import ActorClaim, Claim, StixId, TagsClaim, Technique
from stillwatch.domain.identifier import Identifier, Kind, oprf_input
from stillwatch.domain.lead import Step
from stillwatch.errors import NotTrusted, PeerError
from stillwatch.intel.codenames import code_name
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.drafts import fresh_terms
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.matching.customers import Job, screen_customers
from stillwatch.sharing.matching.evaluators import Manner
from stillwatch.sharing.matching.interface import tag_of
from stillwatch.sharing.matching.labs import Labs
from stillwatch.sharing.matching.pack import build, digest, parse
from stillwatch.sharing.matching.quorum import NoQuorum
from stillwatch.sharing.matching.record import Record, seal
from stillwatch.sharing.matching.screening import Screener
from stillwatch.store.database import Store
from tests.evaluators import NAMES, dealt
from tests.matchers import EPOCH, Matchers, identifiers, matchers, write
from tests.scripted import Asked, Reply

INNOCENT = {
    "email": "an.innocent.customer@gmail.com",
    "phone": "+49 30 901820",
    "payment": "acme:fp1x9k2m7q4w8z",
}
ACTOR = {"email": "the.actor.itself@gmail.com", "phone": "+49 30 901821"}
PHONES = [{"phone": f"+49 30 9018{n:02}"} for n in range(30, 90)]
GREEDY = Manner(canary_rate=0, audit_rate=0, patience_s=0)
"""A client that pays for nothing but its guesses."""


@pytest.fixture
def forum(tmp_path: Path) -> Iterator[Matchers]:
    with matchers(tmp_path) as opened:
        yield opened


def step(forum: Matchers, who: str, person: dict[str, str]) -> str:
    lead = forum.screen(who, person)
    assert lead["screened"]
    return str(lead["step"])


def publishers(lead: dict[str, Any]) -> set[str]:
    return {one["publisher"] for one in lead["evidence"]}


class TestFraming:
    def test_one_lab_reaches_a_challenge_and_is_undone_everywhere(self, forum: Matchers) -> None:
        (claim,) = forum.catch("gamma", {"actor": "x", **INNOCENT})
        framer = forum.settings("gamma").identity
        forum.pull()
        for who in ("alpha", "beta"):
            lead = forum.screen(who, INNOCENT)
            # as strong as it gets, with every identifier there is: a challenge, and who said so
            assert lead["step"] == "challenge"
            assert publishers(lead) == {framer}
            assert {one["claim"] for one in lead["evidence"]} == {claim}
        base = [{"customer_id": "c1", **INNOCENT}, {"customer_id": "c2", **ACTOR}]
        assert {c: lead["step"] for c, lead in forum.base("beta", base).items()} == {
            "c1": "challenge"
        }
        (appeal,) = forum.labs.run(
            "beta", "appeal", "open", claim, "--reason", "mistaken-identity", "--by", "support"
        )
        assert step(forum, "alpha", INNOCENT) == "challenge"  # not before the next pull
        forum.pull()
        assert {step(forum, who, INNOCENT) for who in NAMES} == {"none"}
        assert forum.screen("beta", INNOCENT)["evidence"][0]["standing"] == "frozen"

        forum.labs.run("gamma", "appeal", "answer", appeal["id"], "upheld", "--by", "counsel")
        forum.labs.run("gamma", "publish")
        forum.pull()
        assert {step(forum, who, INNOCENT) for who in NAMES} == {"none"}
        (held,) = forum.labs.run("beta", "appeal", "list")
        assert held["state"] == "upheld"
        forum.labs.run("gamma", "revoke", claim, "--reason", "an error", "--by", "counsel")
        forum.labs.run("gamma", "publish")
        forum.pull()
        assert {step(forum, who, INNOCENT) for who in NAMES} == {"none"}
        shown = forum.labs.run("alpha", "show", claim)
        assert {one["publisher"] for one in shown} == {framer}, "its name stays on record"
        again = [{"customer_id": "c1", **INNOCENT}]
        (forum.labs.folder / "beta" / "leads.jsonl").unlink()
        (forum.labs.folder / "beta" / "leads.jsonl.progress").unlink(missing_ok=True)
        assert forum.base("beta", again) == {}

    def test_a_framer_that_rejects_the_appeal_does_not_have_the_last_word(
        self, forum: Matchers
    ) -> None:
        (claim,) = forum.catch("gamma", {"actor": "x", **INNOCENT})
        forum.pull()
        (appeal,) = forum.labs.run(
            "beta", "appeal", "open", claim, "--reason", "mistaken-identity", "--by", "support"
        )
        forum.labs.run("gamma", "appeal", "answer", appeal["id"], "rejected", "--by", "gamma")
        forum.labs.run("gamma", "publish")
        forum.pull()
        assert step(forum, "alpha", INNOCENT) == "challenge"
        forum.labs.run(
            "beta", "opinion", claim, "strongly-disagree", "--reason", "own-evidence", "--by", "b"
        )
        assert forum.labs.run("beta", "publish")["failed"] == []
        forum.pull()
        lead = forum.screen("alpha", INNOCENT)
        assert lead["step"] == "none"
        assert "refuted by 1" in " ".join(lead["evidence"][0]["why"])

    def test_two_members_reach_a_restriction_and_fall_one_by_one(self, forum: Matchers) -> None:
        (first,) = forum.catch("gamma", {"actor": "x", **INNOCENT})
        forum.catch("alpha", {"actor": "y", **INNOCENT})
        forum.pull()
        lead = forum.screen("beta", INNOCENT)
        assert lead["step"] == "restrict"
        assert publishers(lead) == {forum.settings(who).identity for who in ("alpha", "gamma")}
        forum.labs.run(
            "beta", "appeal", "open", first, "--reason", "mistaken-identity", "--by", "support"
        )
        forum.pull("beta")
        assert step(forum, "beta", INNOCENT) == "challenge"

    def test_a_member_under_a_further_name_is_one_voice(self, forum: Matchers) -> None:
        """The program keeps actors with tags under one's own name; this client does not."""
        forum.catch("gamma", {"actor": "x", **INNOCENT})
        added = forum.labs.run("gamma", "pseudonym", "add", "night", "--by", "gamma")
        name, key = StixId(added["identity"]), SigningKey.load(Path(added["key"]))
        known = [one for kind in INNOCENT for one in identifiers(Kind(kind), INNOCENT[kind])]
        speak(forum, "gamma", name, key, known)
        forum.pull()
        lead = forum.screen("beta", INNOCENT)
        assert publishers(lead) == {forum.settings("gamma").identity, name}
        assert lead["step"] == "challenge"
        assert any("add no voice" in line or "one voice" in line for line in lead["why"])

    def test_a_hub_that_lies_about_standing_adds_no_voice_and_revives_nothing(
        self, forum: Matchers
    ) -> None:
        """Standing is the hub's word; what publishers signed is the log's."""
        (claim,) = forum.catch("gamma", {"actor": "x", **INNOCENT})
        forum.pull()
        with forum.labs.world.client("beta") as client:
            said = client.get("/v1/standing").json()
        (mine,) = [one for one in said["standing"] if one["claim"] == claim]
        mine |= {"state": "current", "confirm": 99}
        shows(forum, "/v1/standing", orjson.dumps(said))
        forum.pull("beta")
        assert forum.labs.standing("beta", claim)["confirmed"] == 99
        assert step(forum, "beta", INNOCENT) == "challenge"
        forum.labs.disturb.clear()
        forum.labs.run("gamma", "revoke", claim, "--reason", "an error", "--by", "counsel")
        forum.labs.run("gamma", "publish")
        shows(forum, "/v1/standing", orjson.dumps(said))
        forum.pull("beta")
        lead = forum.screen("beta", INNOCENT)
        assert (lead["step"], lead["evidence"][0]["standing"]) == ("none", "revoked")


def shows(forum: Matchers, path: str, body: bytes) -> None:
    """The hub answers this to whoever asks for a path, from now on."""

    def reply(asked: Asked, onward: Callable[[], Reply]) -> Reply:
        return Reply(body) if asked.path == path else onward()

    forum.labs.disturb[:] = [reply]


def speak(
    forum: Matchers, who: str, name: StixId, key: SigningKey, known: Sequence[Identifier]
) -> None:
    """Publish an actor and its tags under any name whose key one holds."""
    settings = replace(forum.settings(who), identity=name)
    terms = fresh_terms("actor", settings)
    actor = to_stix(
        ActorClaim(
            terms=terms, name=code_name(terms.claim_id), campaigns=(),
            techniques=(Technique("AML.T0024.002"),), motivation="unknown",
        )
    )  # fmt: skip
    with forum.tagger(who) as tagger:
        inputs = [oprf_input(one, EPOCH) for one in known]
        outputs = tagger.outputs(inputs, proven=True)
        public = tagger.epoch.public_key
    today = datetime.now(UTC).date()
    content = build(
        [
            seal(
                Record(StixId(actor["id"]), one.kind.value, today, today, 95, "", today),
                output,
                name,
                EPOCH,
            )
            for one, output in zip(known, outputs, strict=True)
        ]
    )
    tags: Claim = TagsClaim(
        fresh_terms("tags", settings), EPOCH, hashlib.sha256(public).hexdigest(), digest(content),
        256, 1, snapshot=False,
    )  # fmt: skip
    with forum.hub(who) as hub:
        hub.post_pack(content)
        for body in (actor, to_stix(tags)):
            status = hub.post_objects(
                settings.collection, canonical({"objects": [sign(body, key)]})
            )
            assert status.get("failures", []) == []


class TestDictionary:
    def test_ten_thousand_guesses_of_a_member_end_at_the_quota(self, tmp_path: Path) -> None:
        daily = 400
        with matchers(tmp_path, daily=daily) as forum:
            guesses = [b"v1|phone|%s|+4930%06d" % (EPOCH.encode(), n) for n in range(10_000)]
            answered, refused = 0, set()
            with ExitStack() as stack:
                # one client for each pair of evaluators, in turn: it spends all three quotas
                members = [forum.settings(who).identity for who in NAMES]
                pairs = [replace(GREEDY, preferred=pair) for pair in combinations(members, 2)]
                bent = [stack.enter_context(forum.tagger("gamma", pair)) for pair in pairs]
                for turn, start in enumerate(range(0, len(guesses), 40)):
                    try:
                        answered += len(bent[turn % 3].outputs(guesses[start : start + 40]))
                    except NoQuorum as error:
                        refused.add("over quota" in str(error))
            assert refused == {True}
            # each answer is an element at t evaluators, so n quotas give n/t answers
            assert daily // 2 < answered <= len(NAMES) * daily // 2
            me = "identity--gamma"
            seen = {who: forum.counts(who) for who in NAMES}
            assert 2 * answered <= sum(c[me, "elements"] for c in seen.values())
            assert all(c[me, "elements"] <= daily for c in seen.values())
            assert sum(c.get((me, "refused.quota"), 0) for c in seen.values()) > 0
            for who in NAMES:
                forum.down(who)
                forum.up(who)
            asking = [forum.nodes[who].client("gamma", epoch=EPOCH) for who in NAMES]
            left = [client.me().json()["remaining"] for client in asking]
            assert left == [daily - seen[who][me, "elements"] for who in NAMES]
            with forum.tagger("gamma", GREEDY) as tagger, pytest.raises(NoQuorum):
                tagger.outputs(guesses[-50:])
            # another member is served all the while
            with forum.tagger("beta", GREEDY) as tagger:
                assert len(tagger.outputs(guesses[:50])) == 50

    def test_packs_and_a_stolen_share_test_no_guess(self, forum: Matchers) -> None:
        forum.catch("alpha", {"actor": "x", **ACTOR})
        forum.pull("beta")
        (sought, *_) = identifiers(Kind.PHONE, ACTOR["phone"])
        data = oprf_input(sought, EPOCH)
        packs = [p.read_bytes() for p in forum.settings("beta").tags.glob("*.pack")]
        tags = {row.tag for content in packs for row in parse(content)}
        assert len(tags) == 256
        share, quorum = forum.shares.shares[0], Quorum.of([1, 2])
        keys = [share.secret, times(quorum.coefficient(1), share.secret)]
        tried = [tag_of(evaluate_input(key, data)) for key in keys]
        for text in (data, sought.value.encode(), ACTOR["phone"].encode()):
            for hashed in (hashlib.sha256, hashlib.sha512, hashlib.md5):
                tried.append(hashed(text).digest()[:16])
                tried.append(hmac.digest(share.secret, text, hashed)[:16])
        assert tags.isdisjoint(tried)
        # a second share is what is missing, and nothing else
        assert tag_of(evaluate_input(whole_key(forum), data)) in tags
        with forum.tagger("beta") as tagger:
            (output,) = tagger.outputs([data])
        assert tag_of(output) in tags


def whole_key(forum: Matchers) -> Scalar:
    """What t colluding evaluators hold."""
    quorum, shares = Quorum.of([1, 2]), forum.shares.shares
    first, second = (times(quorum.coefficient(n), shares[n - 1].secret) for n in (1, 2))
    return plus(first, second)


class TestEpochs:
    @pytest.fixture
    def renewed(self, forum: Matchers) -> bytes:
        """Beta has seen that the shares were refreshed; what the hub showed before."""
        with forum.labs.world.client("beta") as client:
            old = client.get("/v1/epochs").content
        with warnings.catch_warnings(action="ignore"):
            shares = unsafe_dealer(2, 3, secret=whole_key(forum))
        forum.document(shares, generation=1)
        forum.labs.run("beta", "pull")
        pins = orjson.loads((forum.settings("beta").tags / "epochs.json").read_bytes())
        assert [one["generation"] for one in pins] == [0, 1]
        return old

    def test_a_rolled_back_epoch_is_refused_with_evidence(
        self, forum: Matchers, renewed: bytes
    ) -> None:
        pins = forum.settings("beta").tags / "epochs.json"
        before = pins.read_bytes()
        shows(forum, "/v1/epochs", renewed)
        with pytest.raises(NotTrusted, match=f"generation 1 of epoch {EPOCH} is gone"):
            forum.labs.run("beta", "pull")
        assert pins.read_bytes() == before
        assert list(pins.parent.glob("evidence-*-split-view.json"))
        forum.labs.disturb.clear()
        forum.labs.run("beta", "pull")

    def test_another_key_under_the_same_name_is_refused_though_all_signed_it(
        self, forum: Matchers, renewed: bytes
    ) -> None:
        """A hub that conspires with every evaluator cannot give one lab a key of its own."""
        other = forum.document(dealt(), generation=1, post=False)
        documents = orjson.loads(renewed)
        keys = [forum.key(who) for who in NAMES]
        documents["epochs"].append(signed(other, {key.id: sign_epoch(other, key) for key in keys}))
        shows(forum, "/v1/epochs", orjson.dumps(documents))
        with pytest.raises(NotTrusted, match=r"two documents|may not change"):
            forum.labs.run("beta", "pull")


class TestOutage:
    def test_two_of_three_down_sign_ups_pass_and_the_base_is_screened_later(
        self, forum: Matchers
    ) -> None:
        forum.catch("alpha", {"actor": "x", **ACTOR})
        forum.pull("beta")
        base = [{"customer_id": f"c{n}", "email": f"customer.{n}@gmail.com"} for n in range(40)]
        base[17] |= ACTOR
        assert step(forum, "beta", ACTOR) == "challenge"
        for who in ("alpha", "gamma"):
            forum.down(who)
        lead = forum.screen("beta", ACTOR)
        assert (lead["screened"], lead["step"], lead["evidence"]) == (False, "none", [])
        assert "not screened" in lead["why"][0]
        assert "it passes" in lead["why"][0]
        with pytest.raises(PeerError, match="evaluators"):
            forum.ran("beta", "--strict", stdin=json.dumps(ACTOR))
        folder = forum.labs.folder / "beta"
        settings = forum.settings("beta")
        job = Job(write(folder / "base.csv", base), folder / "leads.jsonl", Layout(), Step.NOTE)
        with (
            closing(Store(settings.store)) as store,
            closing(Labs(settings, store, GREEDY)) as labs,
            pytest.raises(PeerError),
        ):
            screen_customers(job, Screener.over(settings, store, labs), labs, lambda *_: None)
        forum.up("alpha")  # two of three
        assert {c: lead["step"] for c, lead in forum.base("beta", base).items()} == {
            "c17": "challenge"
        }

    def test_sign_ups_that_spend_the_quota_are_told_and_not_lost(self, tmp_path: Path) -> None:
        """A banned actor signs up until its lab may ask no more, and once again."""
        with matchers(tmp_path, daily=150) as forum:
            forum.catch("alpha", {"actor": "x", **ACTOR})
            forum.pull("beta")
            leads = [
                forum.screen("beta", {"id": f"s{n}", "email": f"flood.{n}@gmail.com", **PHONES[n]})
                for n in range(len(PHONES))
            ]
            assert [lead["screened"] for lead in leads[:3]] == [True] * 3
            last = forum.screen("beta", ACTOR)
            assert (last["screened"], last["step"]) == (False, "none")
            assert "over quota" in last["why"][0]
            with pytest.raises(PeerError, match="over quota"):
                forum.ran("beta", "--strict", stdin=json.dumps(ACTOR))
            # the operators of the evaluators grant more, for a day: nobody was forgotten
            for who in NAMES:
                forum.grant(who, "beta", 5_000)
            base = [{"customer_id": "s99", **ACTOR}, {"customer_id": "s98", **INNOCENT}]
            assert {c: lead["step"] for c, lead in forum.base("beta", base).items()} == {
                "s99": "challenge"
            }


def test_what_left_the_labs_holds_nobody(forum: Matchers) -> None:
    """All the hub stored, all that went to it, all that evaluators stored and answered."""
    people = [INNOCENT, ACTOR, {"email": "someone.else@gmail.com", "phone": "+49 30 901822"}]
    (claim,) = forum.catch("alpha", {"actor": "x", **ACTOR})
    forum.pull()
    told = len(forum.labs.wire.asked)
    assert step(forum, "beta", ACTOR) == "challenge"
    assert step(forum, "beta", INNOCENT) == "none"
    forum.base("gamma", [{"customer_id": f"c{n}", **one} for n, one in enumerate(people)])
    assert len(forum.labs.wire.asked) == told, "whoever matched, the hub was asked nothing"
    forum.labs.run(
        "gamma", "appeal", "open", claim, "--reason", "mistaken-identity", "--by", "support"
    )
    with pytest.raises(NoQuorum), forum.tagger("beta", GREEDY) as tagger:
        tagger.outputs([b"v1|email|x|" + people[2]["email"].encode()] * 20_000)
    needles = Needles(texts(people))
    kept = [place for place in forum.labs.folder.glob("*") if place.is_file()]
    kept += [f for who in NAMES for f in forum.home(who).rglob("*") if f.is_file()]
    data = {str(place): place.read_bytes() for place in kept if place.suffix != ".key"}
    data |= {
        f"asked {n}": b"\n".join((one.path.encode(), repr(one.headers).encode(), one.body))
        for n, one in enumerate(forum.labs.wire.asked)
    }
    assert any(name.endswith("hub.db") for name in data)
    assert all(len(data[str(forum.wire(who))]) > 1_000 for who in NAMES)
    assert {name: found for name, one in data.items() if (found := needles.found(one))} == {}
    # the search finds what it looks for, wherever it stands
    name, most = max(data.items(), key=lambda item: len(item[1]))
    for text in (ACTOR["email"].encode(), hashlib.sha256(INNOCENT["phone"].encode()).digest()):
        assert needles.found(most[:777] + text + most[777:]), name
    # a thief of beta's machine has neither alpha's actors nor those that signed up at beta
    home = [f for f in (forum.labs.folder / "beta").rglob("*") if f.is_file()]
    assert {f.name for f in home} >= {"share.db", "tags.index"}
    assert [f for f in home if needles.found(f.read_bytes())] == []
    # alpha's own store does hold its actor: it is home that identifiers stay
    assert needles.found((forum.labs.folder / "alpha" / "share.db").read_bytes())


def texts(people: Sequence[dict[str, str]]) -> Iterator[bytes]:
    """Everything that a person could be recognised by in what was kept."""
    for person in people:
        for kind, raw in person.items():
            yield raw.encode()
            for one in identifiers(Kind(kind), raw):
                yield one.value.encode()
                yield oprf_input(one, EPOCH)
