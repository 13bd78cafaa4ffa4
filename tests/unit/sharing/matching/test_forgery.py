"""Attacks on what is distributed, mounted: each is refused, or opens for nobody, with a reason."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from stillwatch.crypto.canonical import canonical
from stillwatch.domain.claim import StixId, TagsClaim
from stillwatch.domain.identifier import oprf_input
from stillwatch.errors import InputError, NotTrusted, PeerError
from stillwatch.hub.setup import initialise
from stillwatch.intel.ids import new_claim_id, stix_id
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.sharing.drafts import fresh_terms
from stillwatch.sharing.matching.interface import tag_of
from stillwatch.sharing.matching.pack import build, digest, parse
from stillwatch.sharing.matching.record import Record, Row, dummy, open_row, seal
from stillwatch.sharing.matching.sync import Synced
from tests.databases import sqlite
from tests.scripted import Asked, Reply
from tests.sharers import Labs, labs
from tests.taggers import InProcess, dealt
from tests.tagging import TODAY, Lab, address, email

ONE = {email("one"), address(1)}


@pytest.fixture
def forum(tmp_path: Path) -> Iterator[Labs]:
    with sqlite(tmp_path) as url:
        made = initialise(url, tmp_path / "log.key", "hub.test/log")
        with labs(tmp_path, url, tmp_path / "log.key", made.vkey) as opened:
            yield opened


@pytest.fixture
def alpha(forum: Labs) -> Lab:
    return Lab(forum, "alpha")


@pytest.fixture
def beta(forum: Labs) -> Lab:
    return Lab(forum, "beta")


@pytest.fixture
def gamma(forum: Labs) -> Lab:
    return Lab(forum, "gamma")


def named(lab: Lab, content: bytes, serial: int, **fields: object) -> dict:
    """A tags claim of a lab, signed by its own key, whatever its own program thinks of it."""
    claim = TagsClaim(
        fresh_terms("tags", lab.settings), "2026-q4", epoch_key("2026-q4"), digest(content),
        (len(content) - 16) // 312, serial, snapshot=False,
    )  # fmt: skip
    return sign(to_stix(replace(claim, **fields)), lab.key)  # type: ignore[arg-type]


def epoch_key(name: str) -> str:
    return hashlib.sha256(dealt(name).public_key).hexdigest()


def post(lab: Lab, *objects: dict) -> list[str]:
    """Send claims; what the hub has against each."""
    with lab.hub() as hub:
        body = canonical({"objects": list(objects)})
        status = hub.post_objects(lab.settings.collection, body)
    return [one["message"] for one in status.get("failures", [])]


def shared(alpha: Lab) -> bytes:
    """Alpha shares an actor; its pack."""
    alpha.say({"one": ONE})
    (ready,) = alpha.prepare().packs
    alpha.send()
    return ready.content


def rows_for(lab: Lab, content: bytes) -> list[Row]:
    """Rows of a pack that stand under the tags of alpha's actor."""
    tags = {tag_of(output) for output in outputs(lab)}
    return [row for row in parse(content) if row.tag in tags]


def outputs(lab: Lab) -> list[bytes]:
    inputs = [oprf_input(one, "2026-q4") for one in sorted(ONE, key=lambda o: o.kind)]
    return lab.tagger.outputs(inputs, proven=False)


def test_another_members_pack_is_not_published_again(alpha: Lab, beta: Lab) -> None:
    content = shared(alpha)
    with beta.hub() as hub, pytest.raises(PeerError, match="another member's pack"):
        hub.post_pack(content)
    (told,) = post(beta, named(beta, content, 1))
    assert "no such pack of yours" in told


def test_rows_of_another_open_for_nobody_in_ones_own_pack(
    alpha: Lab, beta: Lab, gamma: Lab
) -> None:
    """Beta takes alpha's rows into a pack of its own, to be a second voice."""
    stolen = rows_for(beta, shared(alpha))
    assert len(stolen) == len(ONE)
    own = build(stolen)
    with beta.hub() as hub:
        hub.post_pack(own)
    assert post(beta, named(beta, own, 1)) == []
    assert gamma.pull().packs == 2
    (output,) = gamma.tagger.outputs([oprf_input(email("one"), "2026-q4")], proven=False)
    (candidates,) = gamma.tags().lookup([tag_of(output)])
    told = {}
    for one in candidates:
        try:
            told[one.publisher] = open_row(one.row, output, one.publisher, one.epoch).kind
        except NotTrusted as error:
            told[one.publisher] = error.message
    assert told[alpha.settings.identity] == "email"
    assert "does not open" in told[beta.settings.identity]


def test_who_knows_an_identifier_cannot_speak_as_another(alpha: Lab, beta: Lab) -> None:
    """Beta can seal a row under alpha's identity, but cannot publish it as alpha."""
    record = Record(
        StixId("intrusion-set--9f1c1c5e-0b5e-4f2e-9d4e-3d1a3b6f0c11"), "email",
        TODAY, TODAY, 100, "", TODAY,
    )  # fmt: skip
    (output,) = beta.tagger.outputs([oprf_input(email("innocent"), "2026-q4")], proven=False)
    framing = build([seal(record, output, alpha.settings.identity, "2026-q4")])
    with beta.hub() as hub:
        hub.post_pack(framing)
    (told,) = post(beta, named(alpha, framing, 1))
    assert "signature" in told
    assert post(beta, named(beta, framing, 1)) == []
    alpha.pull()
    assert alpha.find(email("innocent")) == []


def test_an_old_pack_is_not_published_under_a_new_serial(alpha: Lab) -> None:
    content = shared(alpha)
    (told,) = post(alpha, named(alpha, content, 2))
    assert "another claim names it already" in told


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-312],
        lambda content: content[:100],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda _: build([dummy()]),
        lambda _: b"",
    ],
    ids=["a row less", "cut off", "a bit", "of the hub's making", "nothing"],
)
def test_what_the_hub_gives_out_instead_is_not_believed(
    alpha: Lab, beta: Lab, spoil: Callable[[bytes], bytes]
) -> None:
    content = shared(alpha)
    beta.labs.disturb.append(_spoiling(spoil))
    (missing,) = beta.pull().missing
    assert alpha.settings.identity in missing
    assert "serial 1: the hub gave out other bytes" in missing
    assert beta.find(email("one")) == []
    assert list(beta.settings.tags.glob("*.pack")) == []
    beta.labs.disturb.clear()
    assert beta.sync().missing == ()
    assert len(beta.find(email("one"))) == 1
    assert beta.settings.tags.joinpath(f"{digest(content)}.pack").read_bytes() == content


def _spoiling(spoil: Callable[[bytes], bytes]) -> Callable[[Asked, Callable[[], Reply]], Reply]:
    def reply(asked: Asked, onward: Callable[[], Reply]) -> Reply:
        answer = onward()
        if "/v1/packs/" not in asked.path:
            return answer
        return Reply(spoil(answer.body), 200, answer.headers)

    return reply


def test_a_withheld_pack_is_told_and_the_others_come(alpha: Lab, beta: Lab) -> None:
    first = shared(alpha)
    alpha.say({"two": {email("two")}})
    alpha.share()

    def withhold(asked: Asked, onward: Callable[[], Reply]) -> Reply:
        return Reply(b"{}", 404) if digest(first) in asked.path else onward()

    beta.labs.disturb.append(withhold)
    pulled = beta.pull()
    assert pulled.packs == 1
    assert pulled.missing == (
        f"{alpha.settings.identity}, epoch 2026-q4: serial 1: the hub does not give it out",
    )
    assert len(beta.find(email("two"))) == 1


def test_a_gap_in_the_serials_is_named(alpha: Lab, beta: Lab, gamma: Lab) -> None:
    """Alpha's first pack was for gamma alone: beta sees that there is one, and not what."""
    alpha.labs.change("alpha", 'tlp = "amber"', 'tlp = "red"')
    shared(alpha)  # red without recipients: for alpha's eyes
    alpha.labs.change("alpha", 'tlp = "red"', 'tlp = "amber"')
    alpha.say({"two": {email("two")}})
    alpha.share()
    told = f"{alpha.settings.identity}, epoch 2026-q4: serial 1"
    assert beta.pull().gaps == (told,)
    assert alpha.pull().gaps == ()
    assert gamma.pull().gaps == (told,)
    alpha.share(snapshot=True)
    assert beta.pull().gaps == ()  # the snapshot has it all


def test_foreign_and_ended_epochs_are_set_aside(alpha: Lab, beta: Lab) -> None:
    shared(alpha)
    ours, other = InProcess().epoch, InProcess("2027-q1").epoch
    assert beta.pull([ours]).packs == 1
    aside = "its epoch, or the epoch's key, is not known here"
    foreign = beta.sync([other])
    assert (foreign.packs, dict(foreign.aside)) == (0, {aside: 1})
    # an epoch of the same name under another key
    forged = replace(ours, public_key=other.public_key)
    assert dict(beta.sync([forged]).aside) == {aside: 1}
    late = beta.sync([ours], today=ours.ends + timedelta(days=1))
    assert dict(late.aside) == {"its epoch has ended": 1}
    assert beta.sync([ours]).packs == 1


def test_a_record_of_another_epoch_opens_for_nobody(alpha: Lab) -> None:
    content = shared(alpha)
    (output, *_) = outputs(alpha)
    (row,) = [row for row in parse(content) if row.tag == tag_of(output)]
    assert open_row(row, output, alpha.settings.identity, "2026-q4").kind
    with pytest.raises(NotTrusted, match="does not open"):
        open_row(row, output, alpha.settings.identity, "2027-q1")


def test_an_expired_record_says_so(alpha: Lab, beta: Lab) -> None:
    shared(alpha)
    beta.pull()
    (record,) = beta.find(address(1))
    assert not record.ended(record.until)
    assert record.ended(record.until + timedelta(days=1))


def test_a_revoked_claim_takes_its_pack_with_it(alpha: Lab, beta: Lab) -> None:
    shared(alpha)
    beta.pull()
    (source,) = beta.tags().sources
    alpha.labs.run("alpha", "revoke", source.claim, "--reason", "an error", "--by", "reviewer")
    alpha.publish()
    pulled = beta.pull()
    assert (pulled.packs, pulled.dropped) == (0, 1)
    assert dict(pulled.aside) == {"its claim is revoked": 1}
    assert beta.find(email("one")) == []


def test_an_interrupted_fetch_goes_on_and_the_set_stays_whole(alpha: Lab, beta: Lab) -> None:
    shared(alpha)
    beta.pull()
    for name in ("two", "three"):
        alpha.say({name: {email(name)}})
        alpha.share()
    seen = []

    def fail(asked: Asked, onward: Callable[[], Reply]) -> Reply:
        if "/v1/packs/" in asked.path:
            seen.append(asked.path)
            if len(seen) == 2:
                return Reply(b"{}", 503)
        return onward()

    beta.labs.disturb.append(fail)
    with pytest.raises(PeerError, match="503"):
        beta.pull()
    assert len(beta.find(email("one"))) == 1  # the set of before
    assert beta.find(email("two")) == beta.find(email("three")) == []
    done = beta.sync()
    assert (done.packs, done.fetched) == (3, 1)
    assert len(set(seen)) == 2
    assert all(len(beta.find(email(name))) == 1 for name in ("one", "two", "three"))


def test_a_damaged_pack_on_disk_is_fetched_again(alpha: Lab, beta: Lab) -> None:
    content = shared(alpha)
    beta.pull()
    path = beta.settings.tags / f"{digest(content)}.pack"
    path.write_bytes(content[:-1] + b"\0")
    done: Synced = beta.sync()
    assert (done.fetched, done.missing) == (1, ())
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o077 == 0


def test_a_claim_of_more_rows_than_there_are_does_not_enter(alpha: Lab) -> None:
    """The hub compares before it lets the claim in; so does every reader (``_have``)."""
    content = build([dummy()])
    with alpha.hub() as hub:
        hub.post_pack(content)
    (told,) = post(alpha, named(alpha, content, 1, rows=512))
    assert "the pack has 256 rows" in told


def test_claims_of_tags_are_read_as_what_they_are(alpha: Lab) -> None:
    obj = named(alpha, build([dummy()]), 1)
    claim = from_stix(obj)
    assert isinstance(claim, TagsClaim)
    assert stix_id(claim) == obj["id"]
    assert claim.terms.claim_id != new_claim_id()
    with pytest.raises(InputError, match="kind must be rule or tags"):
        from_stix(orjson.loads(orjson.dumps(obj).replace(b'"kind":"tags"', b'"kind":"actor"')))
