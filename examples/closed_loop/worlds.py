"""The same days twice: each lab for itself, and all three together. Read ``story.py`` first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from examples.closed_loop import sharing
from examples.closed_loop.forum import LABS, Forum, Services, each
from examples.closed_loop.identities import Person
from examples.closed_loop.labs import Lab, detect
from examples.closed_loop.replay import Figures, Replay, by_lab
from examples.closed_loop.world import Newcomer, Site, World, write_log

Say = Callable[[str], None]
ALPHA, BETA, GAMMA = LABS
SHARED_H: Final = 3
"""Hours after the ban until a reviewer has released what leaves."""
PULLED_H: Final = 4
EVERY_H: Final = 2
"""Hours between two trials of the rule on the last day's traffic; `stillwatch watch` takes seconds."""
LISTED_H: Final = 6
"""Hours between two lists of what newly blocked accounts signed up with."""


@dataclass(slots=True)
class Caught:
    """What the first lab found."""

    result: Path
    campaign: str
    accounts: frozenset[str]
    rule: Path
    innocent: int
    """Among them; known to the figures only."""


@dataclass(slots=True)
class Told:
    """What came of one world."""

    figures: dict[str, Figures]
    notes: dict[str, Any] = field(default_factory=dict)


class Days:
    """Three labs with their gateways, and the hours that pass at all of them."""

    def __init__(
        self, services: Services, world: World, folders: dict[str, Path], forum: Forum | None
    ) -> None:
        self._world, self._seed = world, world.plan.seed
        newcomers = [*world.newcomers]
        newcomers += [Newcomer(lab, world.plan.appealed, world.stolen) for lab in (BETA, GAMMA)]
        arriving = by_lab(newcomers)

        def opened(name: str) -> Lab:
            settings = forum.settings(name) if forum else None
            return Lab(services, world.sites[name], folders[name], settings)

        self.labs: dict[str, Lab] = dict(zip(LABS, each(opened), strict=True))
        self.replays = {
            name: Replay(lab, world.stock, arriving[name], self._seed, world.plan.hours)
            for name, lab in self.labs.items()
        }

    def until(self, hour: float) -> None:
        """Let time pass, at all labs at once."""
        each(lambda name: self.replays[name].until(hour))

    def try_rule(self, name: str, hour: int, evidence: Sequence[str]) -> list[str]:
        """Try the lab's rule on the last day's traffic; who matches is read, and blocked."""
        lab, replay = self.labs[name], self.replays[name]
        log = replay.answered(hour)
        if not log.num_rows:
            return []
        found = lab.matched(write_log(lab.folder / "tried" / f"hour-{hour:02}.parquet", log))
        return lab.block(found, "matches the rule; its prompts were read by a person", evidence)

    def told(self, **notes: Any) -> Told:
        """What was counted."""
        hours = self._world.plan.hours
        for replay in self.replays.values():
            for name in list(replay.open):
                replay.cleared(name, hours)
        return Told({name: replay.figures for name, replay in self.replays.items()}, notes)


def caught_at(site: Site, out: Path) -> Caught:
    """The first lab looks at its log, and drafts a rule from what it finds."""
    detect(site, site.log, out)
    (campaign, *_) = pq.read_table(out / "campaigns.parquet")["campaign_id"].to_pylist()
    table = pq.read_table(out / "accounts.parquet", columns=["account_id", "flagged"])
    flagged = frozenset(table.filter(table["flagged"])["account_id"].to_pylist())
    rule = out.parent / "rule.yaml"
    sharing.draft_rule(site, out, campaign, rule)
    return Caught(out, campaign, flagged, rule, len(flagged - site.hostile))


def alone(services: Services, world: World, folder: Path, caught: Caught, say: Say) -> Told:
    """No lab says anything to another. Each looks at its own log, once a day."""
    days = Days(services, world, {name: folder / name for name in LABS}, None)
    days.labs[ALPHA].apply(result=caught.result)
    days.labs[ALPHA].rule = caught.rule
    found = dict.fromkeys(LABS, 0)

    def look(name: str, hour: int) -> None:
        if name == ALPHA:
            days.try_rule(name, hour, ())
        elif hour % 24 == 0:
            found[name] += _looked(days.labs[name], days.replays[name], hour)

    look_at_first = {
        name: _looked(days.labs[name], days.replays[name], 0) for name in (BETA, GAMMA)
    }
    found |= look_at_first
    for hour in range(EVERY_H, world.plan.hours + 1, EVERY_H):
        days.until(hour)
        if hour < world.plan.hours:
            each(lambda name: look(name, hour))  # noqa: B023 - done before the next hour
    say("the same days without sharing have been played")
    return days.told(found=found)


def _looked(lab: Lab, replay: Replay, hour: int) -> int:
    """A lab's own daily look at all it has answered; accounts that it flags."""
    log = lab.folder / "looked" / f"hour-{hour:02}"
    log.mkdir(parents=True)
    before = pa.concat_tables(pq.read_table(one) for one in sorted(lab.site.log.glob("*.parquet")))
    pq.write_table(before, log / "until-the-ban.parquet")
    if hour:
        write_log(log / "after.parquet", replay.answered(hour, back=hour))
    out = lab.folder / f"result-{hour:02}"
    flagged = int(detect(lab.site, log, out)["flagged"])
    if flagged:
        lab.apply(result=out)
    return flagged


class Together:
    """The labs share. One method for each part of the story, in its order."""

    def __init__(self, forum: Forum, world: World, folder: Path, caught: Caught, say: Say) -> None:
        self._forum, self._world, self._caught, self._say = forum, world, caught, say
        self._days = Days(forum.services, world, {lab: folder / lab for lab in LABS}, forum)
        self._claims: dict[str, str] = {}
        self._listed: dict[str, tuple[str, Person]] = {}
        """Claims of actors: who made each, and about whom."""
        self._leads: dict[str, list[Any]] = {}
        self.notes: dict[str, Any] = {}

    def told(self) -> Told:
        """What was counted."""
        return self._days.told(**self.notes)

    def ban(self) -> None:
        """2. The policy decides on what the first lab found; its gateway blocks."""
        alpha = self._days.labs[ALPHA]
        done = alpha.apply(result=self._caught.result)
        held = done["released"]
        whys = "; ".join(sorted({one["why"] for one in held}))
        why = f". A person looks at it ({whys}), and lets it go" if held else ""
        self._say(f"alpha's policy decides: {_counted(done['accounts'])}{why}")
        alpha.rule = self._caught.rule
        self._look(0)
        self._days.until(SHARED_H)

    def share(self) -> None:
        """3. A reviewer releases what leaves: the campaign, a rule, and tags of the actors."""
        forum, alpha = self._forum, self._days.labs[ALPHA]
        self._claims = dict(
            sharing.share_campaign(forum, ALPHA, self._caught.result, self._caught.rule)
        )
        caught = [one for one in alpha.site.customers if one.id in self._caught.accounts]
        self._listed |= sharing.share_actors(forum, ALPHA, alpha.folder / "caught.csv", caught)
        forum.share(ALPHA, "publish")
        self._days.until(PULLED_H)
        self._say(
            f"alpha's reviewer releases the campaign, a rule and {len(self._listed)} actors, as tags"
        )

    def recognise(self) -> None:
        """4. The others pull, and recognise whom they have already."""
        sharing.pull(self._forum)
        labs = [self._days.labs[name] for name in (BETA, GAMMA)]
        leads = {lab.name: sharing.recognised(self._forum, lab) for lab in labs}
        self.notes["recognised"] = {name: len(found) for name, found in leads.items()}
        for lab in labs:
            asked = [one for one in leads[lab.name] if one["step"] == "challenge"]
            self._say(
                f"{lab.name} knows {len(asked)} of its customers by alpha's tags, and asks for proof"
            )
        self._leads = leads

    def confirm(self) -> None:
        """5 and 6. The rule finds what was missed; the second lab says what it saw, and is heard."""
        forum, claim = self._forum, self._claims["campaign"]
        before = sharing.weight(forum, GAMMA, claim)
        for name in (BETA, GAMMA):
            lab = self._days.labs[name]
            lab.claim = self._claims["rule"]
            found = lab.block(
                lab.matched(lab.site.log), "matches the rule; its prompts were read by a person",
                [lab.claim],
            )  # fmt: skip
            self.notes.setdefault("missed", {})[name] = len(found)
            self._say(
                f"{name} tries alpha's rule on its own log: {len(found)} accounts that it had missed"
            )
            people = [one for one in lab.site.customers if one.id in lab.known]
            self._listed |= sharing.share_actors(forum, name, lab.folder / "caught.csv", people)
        seen = [one for one in self._leads[BETA] if one["subject"] in self._days.labs[BETA].known]
        agreed = sorted({e["claim"] for one in seen for e in one["evidence"] if e["weight"] > 0})
        sharing.confirm(forum, BETA, agreed, claim, max(1, len(self._days.labs[BETA].known)))
        forum.share(GAMMA, "publish")
        sharing.pull(forum)
        after = sharing.weight(forum, GAMMA, claim)
        self.notes["weight"] = (before, after)
        self._say(
            f"beta confirms; what the campaign's claim counts at gamma: {before:.2f} -> {after:.2f}"
        )

    def pass_days(self, first: int, last: int) -> None:
        """The attackers come back, hour by hour; every lab tries its rule now and then."""
        for hour in range(first, last + 1):
            self._days.until(hour)
            if hour % EVERY_H == 0 and hour < self._world.plan.hours:
                self._tried(hour)
                if hour % LISTED_H == 0:
                    self._list()
                if hour % 24 == 0:
                    self._look(hour)

    def appeal(self, hour: int) -> None:
        """7. An innocent whose card was stolen is asked for proof, appeals, and is cleared everywhere."""
        name, forum = self._world.stolen.id, self._forum
        beta, gamma = self._days.labs[BETA], self._days.labs[GAMMA]
        (decision,) = beta.standing(scope="sign-up", value=name)
        done = beta.uphold(decision["id"], "the card was stolen; identity verified")
        wrong = {one for one in done["undone"] if one in self._listed} | self._own(BETA)
        self._days.replays[BETA].cleared(name, hour)
        for owner in LABS:
            claims = sorted(one for one in wrong if self._listed[one][0] == owner)
            if claims:
                sharing.take_back(forum, BETA, claims, owner)
        self._days.until(hour + 1)
        sharing.pull(forum, (BETA, GAMMA))
        gamma.follow()
        left = gamma.standing(scope="sign-up", value=name)
        if not left:
            self._days.replays[GAMMA].cleared(name, hour + 1)
        self.notes["appeal"] = {"claims": len(wrong), "left_at_gamma": len(left)}
        self._again(wrong)
        self._say(
            f"an innocent whose card was stolen was asked for proof at beta and gamma; beta upholds the "
            f"appeal, {len(wrong)} claims that list the card are taken back, and with gamma's "
            f"next pull {'nothing stands' if not left else 'it still stands'} there"
        )

    def _own(self, lab: str) -> set[str]:
        """Claims of a lab about accounts that paid with the card."""
        card = self._world.stolen.values["payment"]
        return {
            claim
            for claim, (owner, one) in self._listed.items()
            if owner == lab and one.values["payment"].strip() == card
        }

    def _again(self, wrong: set[str]) -> None:
        """The accounts of claims that were taken back, without the card."""
        for owner in LABS:
            people = [
                Person(one.id, one.values | {"payment": ""})
                for claim, (lab, one) in self._listed.items()
                if lab == owner and claim in wrong
            ]
            if people:
                table = self._days.labs[owner].folder / "corrected.csv"
                self._listed |= sharing.share_actors(self._forum, owner, table, people)
                self._forum.share(owner, "publish")
        sharing.pull(self._forum)

    def _look(self, hour: int) -> None:
        """The same daily look at its own log that a lab takes when it is alone."""
        each(
            lambda name: (
                name != ALPHA and _looked(self._days.labs[name], self._days.replays[name], hour)
            )
        )

    def _list(self) -> None:
        """Every lab lists whom it has blocked since the last time, and pulls what the others list."""
        card, told = self._world.stolen.values["payment"], {p.id for _, p in self._listed.values()}
        for name, replay in self._days.replays.items():
            lab = self._days.labs[name]
            people = [
                Person(one, values | ({"payment": ""} if values["payment"].strip() == card else {}))
                for one, values in replay.signed.items()
                if one in lab.known and one not in told
            ]
            if people:
                self._listed |= sharing.share_actors(
                    self._forum, name, lab.folder / "caught.csv", people
                )
                self._forum.share(name, "publish")
        sharing.pull(self._forum)

    def _tried(self, hour: int) -> None:
        def look(name: str) -> None:
            evidence = [self._days.labs[name].claim] if self._days.labs[name].claim else []
            self._days.try_rule(name, hour, evidence)

        each(look)


def _counted(accounts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in accounts.items()) or "nothing"
