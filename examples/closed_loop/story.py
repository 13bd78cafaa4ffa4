"""The closed loop, from a campaign at three labs to an innocent who is cleared everywhere.

``tell`` is the whole story; what it prints is what happened. Its steps are in ``worlds.py``, the
campaign's manners in ``replay.py``, and every step is a command of the program or a request over HTTP.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from examples.closed_loop import page, sharing
from examples.closed_loop.forum import LABS, STOP, Forum, Services, fresh, run
from examples.closed_loop.world import Plan, World, compose
from examples.closed_loop.worlds import (
    ALPHA,
    BETA,
    GAMMA,
    Caught,
    Say,
    Together,
    Told,
    alone,
    caught_at,
)

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the story came to."""

    plan: Plan
    caught: Caught
    alone: Told
    together: Told
    verdict: str
    """Of the output correlation."""
    seconds: float

    def leaked(self, told: Told) -> int:
        """Exchanges that the campaign harvested at the second and third lab after the ban."""
        return sum(told.figures[lab].leaked for lab in (BETA, GAMMA))

    def answered(self, told: Told) -> int:
        """All that was answered to it there, the requests that only cover its accounts among them."""
        return sum(sum(told.figures[lab].answered) for lab in (BETA, GAMMA))

    @property
    def fall(self) -> float:
        """By what share sharing cuts them, 0-1."""
        before = self.leaked(self.alone)
        return 1 - self.leaked(self.together) / before if before else 0.0

    @property
    def blocked(self) -> int:
        """Innocents blocked in the world with sharing, where others' words had a part."""
        return sum(len(self.together.figures[lab].blocked) for lab in (BETA, GAMMA))

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        worlds = {"alone": self.alone, "together": self.together}
        return {
            "seed": self.plan.seed,
            "reuse": self.plan.reuse,
            "leaked_alone": self.leaked(self.alone),
            "leaked_together": self.leaked(self.together),
            "answered_alone": self.answered(self.alone),
            "answered_together": self.answered(self.together),
            "fall": round(self.fall, 4),
            "caught": len(self.caught.accounts),
            "caught_innocent": self.caught.innocent,
            "correlation": self.verdict,
            "seconds": round(self.seconds, 1),
            "notes": self.together.notes,
            "found_alone": self.alone.notes["found"],
            "labs": {
                name: {lab: _figures(told, lab) for lab in LABS} for name, told in worlds.items()
            },
        }


def tell(folder: Path, plan: Plan, say: Say) -> Outcome:
    """Play it; leaves reports in ``folder``, which is made anew.

    However it ends, every process that was started has ended, too.
    """
    STOP.clear()
    try:
        return _told(folder, plan, say)
    except BaseException:
        STOP.set()
        raise


def _told(folder: Path, plan: Plan, out: Say) -> Outcome:
    began, lines = time.monotonic(), list[str]()

    def say(line: str) -> None:
        lines.append(line.strip())
        out(line)

    fresh(folder)
    say(f"1. a campaign hits {', '.join(LABS)} at once")
    world = compose(folder, plan)
    seats = " + ".join(map(str, plan.seats))
    say(
        f"   {plan.accounts:,} accounts, {seats} of them the campaign's; {plan.ban_day} days of logs"
    )
    with Services(folder) as services, _Threads(3) as threads:
        forum = Forum(folder, watched=False)
        starting = threads.submit(_started, forum, services)
        say("2. alpha looks at its log")
        caught = caught_at(world.sites[ALPHA], folder / ALPHA / "result")
        say(
            f"   {len(caught.accounts)} accounts in campaign {caught.campaign} stand out; a rule is drafted"
        )
        correlated = threads.submit(_correlated, folder / "correlation")
        tried = threads.submit(_tried, caught, world, folder / ALPHA / "simulate")
        starting.result()
        say("   a hub, three evaluators and their key, drawn together, are up")
        without = threads.submit(alone, services, world, folder / "alone", caught, lambda _: None)
        shared = _together(forum, world, folder, caught, say)
        say("8. the suspect model's answers are correlated with ours")
        verdict = correlated.result()
        tried.result()
        say(f"   {verdict}")
        say("9. the same days, replayed without sharing")
        separate = without.result()
    done = Outcome(plan, caught, separate, shared, verdict, time.monotonic() - began)
    (folder / "figures.json").write_text(json.dumps(done.record(), indent=1), encoding="utf-8")
    page.write(folder, done.record(), lines, plan)
    return done


def _together(forum: Forum, world: World, folder: Path, caught: Caught, say: Say) -> Told:
    def inner(line: str) -> None:
        say(f"   {line}")

    told = Together(forum, world, folder, caught, inner)
    told.ban()
    say("3. what alpha knows, leaves: released by a person, field by field")
    told.share()
    say("4. beta and gamma pull")
    told.recognise()
    say("5. beta has seen it, too; 6. the rule finds what was missed")
    told.confirm()
    heard = world.plan.appealed + 2
    told.pass_days(5, heard)
    say("7. an innocent at the edge")
    told.appeal(heard)
    told.pass_days(heard + 1, world.plan.hours)
    return told.told()


def _started(forum: Forum, services: Services) -> None:
    services.on_exit(forum.services.__exit__)
    forum.__enter__()
    sharing.settle(forum)


class _Threads(ThreadPoolExecutor):
    """Work beside the story; if it breaks off, the work stops at its next command."""

    def __exit__(self, kind: Any, *rest: Any) -> Any:
        if kind is not None:
            STOP.set()
        return super().__exit__(kind, *rest)


def _tried(caught: Caught, world: World, out: Path) -> None:
    """Whom the policy would touch, before it is armed."""
    accounts = world.sites[ALPHA].accounts
    run("decisions", "simulate", "--from", caught.result, "--accounts", accounts, "--out", out)


def _correlated(out: Path) -> str:
    """Whether the invented suspect was trained on ours."""
    panel = ROOT / "examples" / "correlation"
    said = run(
        "correlate", panel / "answers.parquet", "--panel", panel / "panel.toml", "--out", out
    )
    return said.strip().splitlines()[0]


def _figures(told: Told, lab: str) -> dict[str, Any]:
    found = told.figures[lab]
    return {
        "wanted": sum(found.wanted),
        "answered": sum(found.answered),
        "harvested": found.leaked,
        "by_hour": found.harvested,
        "refused": dict(found.refused),
        "sign_ups": dict(found.sign_ups),
        "innocents": len(found.innocents),
        "innocents_blocked": len(found.blocked),
        "innocents_challenged": {k: round(v, 1) for k, v in found.challenged.items()},
        "slowest_in_force_s": round(max(found.in_force_s, default=0.0), 2),
    }
