"""Three labs with a third of one job each, and products that are used at all of them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from stillwatch.config import Config
from stillwatch.domain.claim import CampaignClaim, StixId
from stillwatch.domain.identifier import Identifier, oprf_input
from stillwatch.intel.ids import new_claim_id, stix_id
from stillwatch.intel.scales import one_digit_up, span
from stillwatch.intel.stix import to_stix
from stillwatch.pipeline import detect
from stillwatch.sharing.board import Entry
from stillwatch.sharing.matching.joined import Continuations, continuations
from stillwatch.sharing.matching.marks import identifiers, tellable
from stillwatch.sharing.matching.pack import build, digest
from stillwatch.sharing.matching.record import Record, Row, seal
from stillwatch.sharing.matching.suspects import Group, Suspected
from stillwatch.sharing.matching.tagset import Source, TagSet, replace_index
from stillwatch.sharing.weight import Said, weigh
from stillwatch.store.inbox import Received
from tests.claims import terms
from tests.groups import job, product
from tests.logfiles import write_jsonl
from tests.support import START
from tests.taggers import InProcess

LABS = ("alpha", "beta", "gamma")
PRODUCTS, SHARED = 60, 12
"""Products of each lab, and how many of these are used at every lab."""


def identity(lab: str) -> StixId:
    return StixId(f"identity--{LABS.index(lab) + 1}f01cd1f-195f-46d4-b581-e2a1bd4fddd1")


def requests(lab: str, members: int = 15) -> list[dict[str, Any]]:
    """What one lab sees: users of its products, and every third account of the job."""
    number = LABS.index(lab)
    rng = np.random.default_rng([7, number])
    rows = []
    for n in range(PRODUCTS):
        kind = n if n < SHARED else 1000 * (number + 1) + n
        rows += product(kind, int(rng.integers(5, 16)), rng)
    work = job(members, np.random.default_rng(5))
    mine = [row for row in work if int(row["account_id"].split("-")[1]) % len(LABS) == number]
    later = weeks_since(START)
    for row in [*rows, *mine]:
        row["timestamp"] += later  # marks count for some months after they were seen last
    for row in mine:
        row["account_id"] = f"j-worker-{row['account_id'].removeprefix('j-')}"
    for row in rows:
        row["account_id"] = f"{lab}-{row['account_id']}"
        row["event_id"] = f"{lab}-{row['event_id']}"
    return rows + mine


def weeks_since(start: datetime) -> timedelta:
    """Whole weeks, at least one less than have passed."""
    return timedelta(weeks=(datetime.now(UTC) - start).days // 7 - 1)


def result(lab: str, folder: Path, members: int = 15) -> Path:
    """The result of detection at one lab."""
    log = write_jsonl(folder / f"{lab}.jsonl", requests(lab, members))
    detect([str(log)], folder / lab, Config(workers=2))
    return folder / lab


@dataclass
class Commons:
    """What labs have told one another: packs in a folder, and the claims behind their rows."""

    folder: Path
    tagger: InProcess = field(default_factory=InProcess)
    claims: dict[tuple[str, str], Entry] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)

    def tell(self, lab: str, suspected: Suspected, **changes: Any) -> None:
        """Publish what a lab may tell of its groups; ``changes`` to the claims are for liars."""
        rows = list[Row]()
        for group in tellable(suspected)[0]:
            claim = claimed(lab, group, **changes)
            self.stand(lab, claim)
            rows += self.rows(lab, claim, identifiers(group))
        self.pack(lab, rows)

    def rows(
        self, lab: str, claim: CampaignClaim, its: list[Identifier], **changes: Any
    ) -> list[Row]:
        """Rows of a claim under some identifiers."""
        epoch = self.tagger.epoch.name
        outputs = self.tagger.outputs([oprf_input(one, epoch) for one in its], proven=True)
        return [
            seal(replace(record(one, claim), **changes), output, identity(lab), epoch)
            for one, output in zip(its, outputs, strict=True)
        ]

    def stand(self, lab: str, claim: CampaignClaim, state: str = "current") -> None:
        """Let a claim stand here as the last pull left it."""
        body = to_stix(claim)
        came = Received(
            "", "", body["id"], body["modified"], 0, identity(lab), "campaign", True, body
        )
        said = Said(claim.terms.confidence, state=state)
        self.claims[body["id"], identity(lab)] = Entry(came, state, weigh(said), 0, 0, 0)

    def pack(self, lab: str, rows: list[Row]) -> None:
        """Pack rows into the set."""
        content = build(rows)
        (self.folder / f"{digest(content)}.pack").write_bytes(content)
        number = len(self.sources)
        tags = StixId(f"indicator--5f01cd1f-195f-46d4-b581-e2a1bd4fdd{number:02d}")
        self.sources.append(
            Source(digest(content), identity(lab), self.tagger.epoch.name, tags, number)
        )
        replace_index(self.folder, self.sources)

    def standing(self, claim: str, publisher: str) -> Entry | str:
        """The claim of that id by that publisher."""
        return self.claims.get((claim, publisher), "its claim is not here")

    def join(self, lab: str, suspected: Suspected, **given: Any) -> Continuations:
        """What joining says at one lab."""
        return continuations(
            suspected,
            [self.tagger],
            TagSet.open(self.folder),
            self.standing,
            identity(lab),
            **given,
        )


def claimed(lab: str, group: Group, **changes: Any) -> CampaignClaim:
    """The claim of a group."""
    claim = CampaignClaim(
        terms=terms(publisher=identity(lab), claim_id=new_claim_id(), confidence=15),
        name="quiet-heron",
        techniques=(),
        targets=(),
        evidence=("skeleton",),
        accounts=span(len(group.accounts)),
        exchanges=span(group.events),
        first_seen=group.first_seen.date(),
        last_seen=group.last_seen.date(),
        p_value=one_digit_up(group.p_value),
        fdr=0.05,
    )
    return replace(claim, **changes)


def record(identifier: Identifier, claim: CampaignClaim) -> Record:
    """What is sealed under one mark."""
    return Record(
        claim=stix_id(claim),
        kind=identifier.kind.value,
        first_seen=claim.first_seen,
        last_seen=claim.last_seen,
        confidence=15,
        tactic="",
        until=datetime.now(UTC).date() + timedelta(days=30),
    )
