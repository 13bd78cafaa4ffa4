"""Plays the closed loop: ``python -m examples.closed_loop`` (``make demo``)."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from examples.closed_loop.story import Outcome, tell
from examples.closed_loop.world import Plan
from examples.closed_loop.worlds import BETA, GAMMA
from stillwatch.errors import StillwatchError


def main() -> None:
    """Parse, play, print."""
    usual = Plan()
    parser = argparse.ArgumentParser(prog="closed_loop", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder; made anew")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--accounts", type=int, default=usual.accounts)
    parser.add_argument("--reuse", type=float, default=usual.reuse, help="share of identities, 0-1")
    given = parser.parse_args()
    if not 0 <= given.reuse <= 1 or given.accounts < 600:
        parser.error("--reuse is from 0 to 1, --accounts 600 or more")
    signal.signal(signal.SIGTERM, _stopped)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:4.0f} s  {line}", flush=True)

    try:
        done = tell(given.out, Plan(given.seed, given.accounts, reuse=given.reuse), say)
    except KeyboardInterrupt:
        sys.exit("stopped; every process that was started has ended")
    except (RuntimeError, OSError, StillwatchError) as error:
        sys.exit(f"the story broke off: {error}\nlogs of the processes are in {given.out}/*.log")
    print(_ending(done, given.out))
    if broken := _broken(done):
        sys.exit(f"not as it should be: {'; '.join(broken)}")


def _broken(done: Outcome) -> list[str]:
    """What ought to hold and did not this time."""
    found = []
    if done.blocked:
        found.append(f"innocents were blocked: {done.blocked}")
    if done.together.notes["appeal"]["left_at_gamma"]:
        found.append("somebody who was cleared is still asked for proof")
    return found


def _ending(done: Outcome, out: Path) -> str:
    alone, shared = done.leaked(done.alone), done.leaked(done.together)
    asked = [
        hours for lab in (BETA, GAMMA) for hours in done.together.figures[lab].challenged.values()
    ]
    longest = f", for {max(asked):.1f} hours at most" if asked else ""
    return f"""
exchanges leaked to the campaign at beta and gamma after alpha's ban
  without sharing {alone:6,}
  with sharing    {shared:6,}   ({done.fall:.0%} fewer; {done.plan.reuse:.0%} of its identities reuse something)
  with the requests that only cover its accounts: {done.answered(done.alone):,} and {done.answered(done.together):,} answered
innocents at beta and gamma: {done.blocked} blocked, {len(asked)} asked for proof{longest}

{out}/story.html                the picture and the figures
{out}/alpha/result/report.html  what alpha found
{out}/correlation/report.html   was the suspect trained on ours?
{out}/*/gateway.jsonl           every request at the gateways, and its answer"""


def _stopped(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
