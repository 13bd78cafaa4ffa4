"""Screening end to end over HTTP: matches lead, forged and dead records do not, outages pass."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.ristretto import random_scalar
from stillwatch.domain.claim import StixId
from stillwatch.domain.identifier import Kind
from stillwatch.domain.lead import Lead, Step
from stillwatch.errors import PeerError
from stillwatch.sharing.matching.record import Row, dummy, seal
from stillwatch.sharing.matching.screening import Screener, Subject, chunked
from tests.evaluating import evaluators
from tests.screenlab import ALPHA, BETA, GAMMA, Lab, files_of, identifier, lab

MAIL = identifier(Kind.EMAIL, "mallory@example.com")
LOOSE = identifier(Kind.EMAIL_LOOSE, "mallory@example.com")
PHONE = identifier(Kind.PHONE, "+49 30 901820")
IP = identifier(Kind.IP4, "203.0.113.7")
INNOCENT = identifier(Kind.EMAIL, "alice@example.com")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "gamma") as made:
        yield made


def screened(
    home: Lab, *identifiers: object, strict: bool = False, own: tuple[str, ...] = ()
) -> Lead:
    with Screener.from_config(home.config, strict=strict) as screener:
        return screener.screen(identifiers, subject="row", own_evidence=own)  # type: ignore[arg-type]


def test_an_actor_of_another_lab_is_a_challenge_and_an_innocent_nothing(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA), MAIL, LOOSE, PHONE)
    found = screened(home, MAIL, LOOSE, IP)
    assert (found.step, found.screened) == (Step.CHALLENGE, True)
    assert {one.kind for one in found.evidence} == {"email", "email-loose"}
    assert found.evidence[0].publisher == ALPHA
    assert found.evidence[0].actor
    assert screened(home, INNOCENT) == Lead("row")


def test_two_labs_or_evidence_of_our_own_make_it_more(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA, 1), MAIL)
    assert screened(home, MAIL, own=("case-7",)).step is Step.RESTRICT
    home.ban(BETA, home.actor(BETA, 2), MAIL)
    assert screened(home, MAIL).step is Step.RESTRICT


def test_our_own_record_is_evidence_of_our_own(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA, 1), MAIL)
    home.ban(GAMMA, home.actor(GAMMA, 2), MAIL)
    assert screened(home, MAIL).step is Step.RESTRICT


def test_a_further_name_of_a_member_is_no_second_lab(home: Lab) -> None:
    pseudonym = StixId("identity--99999999-0000-4000-8000-000000000000")
    home.ban(ALPHA, home.actor(ALPHA, 1, 95), MAIL, PHONE, confidence=95)
    home.ban(pseudonym, home.actor(pseudonym, 2, 95), MAIL, PHONE, confidence=95)
    found = screened(home, MAIL, PHONE)
    assert found.step is Step.CHALLENGE
    assert "one voice" in found.why[1]


def test_a_framed_innocent_is_cleared_by_the_standing_of_the_next_pull(home: Lab) -> None:
    claim = home.actor(ALPHA)
    home.ban(ALPHA, claim, INNOCENT)
    assert screened(home, INNOCENT).step is Step.CHALLENGE
    home.stand(claim, state="frozen")
    found = screened(home, INNOCENT)
    assert (found.step, found.weight) == (Step.NONE, 0)
    assert "frozen" in found.evidence[0].why[0]


@pytest.mark.parametrize(
    "said",
    [
        {"state": "revoked"},
        {"state": "suspended", "refute": 1},
        {"state": "compromised"},
        {"refute": 2, "confirm": 1},
    ],
)
def test_what_fell_has_no_effect(home: Lab, said: dict[str, object]) -> None:
    home.ban(ALPHA, home.actor(ALPHA, **said), MAIL)
    assert screened(home, MAIL).step is Step.NONE


def reasons(lead: Lead) -> dict[str, int]:
    assert lead.step is Step.NONE
    assert lead.screened
    return dict(lead.ignored)


def test_records_that_do_not_hold_are_counted_and_have_no_effect(home: Lab) -> None:
    claim = home.actor(ALPHA)
    other = StixId("intrusion-set--9f1c1c5e-0b5e-4f2e-9d4e-3d1a3b6f0c11")
    home.ban(ALPHA, other, MAIL)
    assert reasons(screened(home, MAIL)) == {"its claim is not here": 1}
    home.rows.clear()
    home.ban(BETA, claim, MAIL)
    assert reasons(screened(home, MAIL)) == {"its claim is another publisher's": 1}
    home.rows.clear()
    home.ban(ALPHA, claim, MAIL, kind="phone")
    assert reasons(screened(home, MAIL)) == {
        "says another kind of identifier than it stands under": 1
    }
    home.rows.clear()
    honest = home.row(ALPHA, claim, MAIL)
    home.lists(BETA, honest)
    assert reasons(screened(home, MAIL)) == {"does not open": 1}, "a row copied by another"
    home.rows.clear()
    replayed = seal(home.record(claim, MAIL.kind), home.output(MAIL), ALPHA, "2026q3")
    home.lists(ALPHA, replayed, Row(honest.tag, honest.nonce, bytes(len(honest.sealed))))
    assert reasons(screened(home, MAIL)) == {"does not open": 2}


def test_a_pack_full_of_one_tag_hides_nothing_and_is_not_walked(home: Lab) -> None:
    """Beta fills a pack with the tag of an identifier that many have: lookups stay bounded."""
    mine = home.actor(BETA, 2)
    tag = home.output(MAIL)[:16]
    home.lists(BETA, *(dummy(tag) for _ in range(3_000)))
    home.ban(ALPHA, home.actor(ALPHA), MAIL)
    found = screened(home, MAIL)
    assert (found.step, [one.publisher for one in found.evidence]) == (Step.CHALLENGE, [ALPHA])
    more = "more rows of one publisher than are looked at"
    assert dict(found.ignored) == {"does not open": 256, more: 2_744}
    # real ones are no better: one voice, and a lead of bounded size
    home.rows[BETA] = [home.row(BETA, mine, MAIL, confidence=n % 100) for n in range(1_000)]
    home.sync()
    found = screened(home, MAIL)
    assert dict(found.ignored) == {more: 744}
    assert len(found.evidence) <= 1 + 256
    assert {one.publisher for one in found.evidence} == {ALPHA, BETA}


def test_packs_of_another_epoch_are_not_asked_for(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA), MAIL)
    home.sync("2026q3")
    found = screened(home, MAIL)
    assert not found.screened
    assert "packs are here for 2026q3, but today's epoch is 2026q4" in found.why[0]
    assert not home.panel.nodes[0].asked


def test_without_a_recent_pull_no_lead_says_more_than_review(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA), MAIL)
    home.pulled(datetime.now(UTC) - timedelta(9))
    found = screened(home, MAIL)
    assert found.step is Step.REVIEW
    assert found.why[0].startswith("held back to review: the last pull was 9 days ago")


def test_a_sign_up_passes_when_nobody_answers_unless_strict(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA), MAIL)
    for node in home.panel.nodes:
        node.refuse = lambda _: (503, {})
    found = screened(home, MAIL)
    assert (found.step, found.screened) == (Step.NONE, False)
    assert "needed evaluators can be asked" in found.why[0]
    with pytest.raises(PeerError):
        screened(home, MAIL, strict=True)


def test_damage_at_home_lets_a_sign_up_pass_too(home: Lab) -> None:
    assert "no pack of another lab is here" in screened(home, MAIL).why[0]
    home.ban(ALPHA, home.actor(ALPHA), MAIL)
    (home.settings.tags / "tags.index").write_bytes(b"no index")
    assert not screened(home, MAIL).screened
    home.sync()
    (home.settings.tags / "epochs.json").write_bytes(b"{")
    assert not screened(home, MAIL).screened


def test_a_newer_set_is_seen_without_a_restart(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA), PHONE)
    with Screener.from_config(home.config) as screener:
        assert screener.screen([MAIL]).step is Step.NONE
        home.ban(ALPHA, home.actor(ALPHA, 2), MAIL)
        assert screener.screen([MAIL]).step is Step.CHALLENGE


def test_many_are_screened_in_order_and_each_input_is_asked_once(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA), MAIL)
    subjects = [Subject(f"c{n}", [MAIL if n % 3 == 0 else INNOCENT]) for n in range(9)]
    with Screener.from_config(home.config) as screener:
        found = list(screener.screen_many(subjects))
        assert screener.chunk(subjects).evaluated == 2
    assert [one.subject for one in found] == [f"c{n}" for n in range(9)]
    assert [n for n, one in enumerate(found) if one.step is Step.CHALLENGE] == [0, 3, 6]


def test_chunks_hold_whole_subjects() -> None:
    subjects = [Subject(str(n), [MAIL, PHONE]) for n in range(5)]
    assert [len(part) for part in chunked(subjects, 4)] == [2, 2, 1]


def test_neither_wire_nor_disk_holds_an_identifier_or_its_hash(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA), MAIL, PHONE)
    assert screened(home, MAIL, PHONE, IP, INNOCENT).step is Step.CHALLENGE
    seen = {Path(f"wire-{n}"): b"".join(node.wire) for n, node in enumerate(home.panel.nodes)}
    assert any(seen.values())
    seen |= files_of(home.folder)
    hidden = {b"mallory", b"alice", b"203.0.113.7", b"4930901820"}
    for one in (MAIL, PHONE, IP, INNOCENT):
        value = one.value.encode()
        for text in (value, b"v1|%s|2026q4|%s" % (one.kind.value.encode(), value)):
            for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
                digest = hashlib.new(name, text).digest()
                hidden |= {digest[:16], digest.hex()[:24].encode()}
        if one is not MAIL and one is not PHONE:  # the published ones' tags are in the pack
            output = home.output(one)
            hidden |= {output[:16], output[32:], output[:16].hex().encode()}
    found = [(where, part) for where, data in seen.items() for part in hidden if part in data]
    assert not found


def test_in_the_days_of_overlap_the_epoch_before_is_asked_too(home: Lab) -> None:
    secret, key = random_scalar(), SigningKey.load(home.folder / "share.key")
    with evaluators(name="2026q3", key=key, secret=secret) as panel:
        both = [home.panel.epoch.to_json(), panel.epoch.to_json()]
        (home.settings.tags / "epochs.json").write_bytes(orjson.dumps(both))
        before = replace(home, secret=secret, epoch="2026q3", rows={})
        before.ban(ALPHA, home.actor(ALPHA), MAIL)
        found = screened(home, MAIL)
        assert found.step is Step.CHALLENGE
        assert found.evidence[0].epoch == "2026q3"
        assert not home.panel.nodes[0].asked, "nobody listed anything in the new one yet"


def test_taking_up_an_epoch_is_not_cut_by_a_sign_ups_deadline(home: Lab) -> None:
    home.ban(ALPHA, home.actor(ALPHA), MAIL)
    with Screener.from_config(home.config) as screener:
        screener._deadline_s = 1e-9
        assert not screener.screen([MAIL]).screened
        screener._deadline_s = 30
        assert screener.screen([MAIL]).step is Step.CHALLENGE
    asked = home.panel.nodes[0].asked
    assert [len(q.elements) for q in asked if q.proof] == [1], "all canaries by one proof, once"
    assert 64 in [len(q.elements) for q in asked]
