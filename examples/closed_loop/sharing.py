"""What the labs say to one another: each line a command of ``stillwatch share``."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from examples.closed_loop.forum import LABS, Forum, each, run
from examples.closed_loop.identities import Person, write
from examples.closed_loop.labs import Lab
from examples.closed_loop.world import Site

REGION = "US"


def settle(forum: Forum) -> None:
    """Every lab says where national numbers are from, and lets the others ask for so much."""
    for lab in LABS:
        text = forum.settings(lab).read_text(encoding="utf-8")
        text = text.replace('# region = "DE"', f'region = "{REGION}"')
        forum.settings(lab).write_text(text, encoding="utf-8")


def draft_rule(site: Site, result: Path, campaign: str, rule: Path) -> None:
    """A rule in the words that the campaign's accounts have in common."""
    title = "Reasoning harvested by many accounts"
    run("rules", "draft", campaign, "--from", result, "--out", rule, "--title", title,
        "--benign", site.log)  # fmt: skip


def share_campaign(forum: Forum, lab: str, result: Path, rule: Path) -> Mapping[str, str]:
    """The campaign and the rule, drafted, read and released by a reviewer; claims by kind."""
    drafted = forum.share(lab, "draft", result)["drafts"]
    drafted += forum.share(lab, "draft", "--rule", rule, "--result", result)["drafts"]
    forum.release(lab, [one["id"] for one in drafted])
    return {one["kind"]: one["id"] for one in drafted}


def share_actors(
    forum: Forum, lab: str, table: Path, people: Iterable[Person]
) -> dict[str, tuple[str, Person]]:
    """Each account is an actor of its own, so that one can be taken back without the others.

    The claims, with who made each and about whom.
    """
    listed = sorted(people, key=lambda one: one.id)  # as their drafts are
    write(table, listed, "actor")
    drafted = forum.share(lab, "actors", table, "--tactic", "ban-evasion")["drafts"]
    ids = [one["id"] for one in drafted]
    forum.release(lab, ids)
    return {id_: (lab, one) for id_, one in zip(ids, listed, strict=True)}


def recognised(forum: Forum, lab: Lab) -> list[Any]:
    """Leads on the customers that a lab has already."""
    out = lab.folder / "leads.jsonl"
    forum.screen(lab.name, "--customers", lab.folder / "customers.csv", "--out", out)
    lab.apply(leads=out)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def confirm(forum: Forum, lab: str, claims: Sequence[str], campaign: str, accounts: int) -> None:
    """With evidence of one's own: opinions and a sighting."""
    today = datetime.now(UTC).date().isoformat()
    for claim in (campaign, *claims):
        forum.share(lab, "opinion", claim, "agree", "--reason", "own-evidence")
    forum.share(
        lab, "sighting", campaign, "--accounts", accounts, "--first", today, "--last", today
    )
    forum.share(lab, "publish")


def weight(forum: Forum, lab: str, claim: str) -> float:
    """What a claim counts at a lab, 0-1."""
    return max(float(one["weight"]) for one in forum.share(lab, "show", claim))


def pull(forum: Forum, labs: Sequence[str] = LABS) -> None:
    """What the others say, checked against the log."""
    each(lambda lab: forum.share(lab, "pull") if lab in labs else None)


def take_back(forum: Forum, lab: str, claims: Sequence[str], owner: str) -> None:
    """A lab appeals for somebody; the publisher finds that it was wrong, and takes it back."""
    for claim in claims if lab != owner else ():
        forum.share(lab, "appeal", "open", claim, "--reason", "mistaken-identity")
    for one in forum.share(owner, "appeal", "list"):
        if one["part"] == "publisher" and one["state"] == "open" and one["claim"] in claims:
            forum.share(owner, "appeal", "answer", one["id"], "upheld")
    for claim in claims:
        forum.share(owner, "revoke", claim, "--reason", "the card was stolen")
    forum.share(owner, "publish")
