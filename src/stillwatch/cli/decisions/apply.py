"""``stillwatch decisions apply``: a policy decides about what was found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillwatch.cli.decisions.common import By, DryRun, Json, moment, table
from stillwatch.cli.decisions.found import Accounts, Leads, PolicyFile, cases
from stillwatch.cli.progress import spinner
from stillwatch.cli.spoken import say, tell, who
from stillwatch.cli.stores import Config_, Store_, opened_store

if TYPE_CHECKING:
    from stillwatch.gateway.policy.enact import Enacted

_SHOWN = 10


def apply(
    result: Annotated[
        Path | None, typer.Option("--from", help="Result of `stillwatch detect`.")
    ] = None,
    accounts: Accounts = None,
    leads: Leads = None,
    policy: PolicyFile = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Say and count, do nothing; see `arm`.")
    ] = False,
    dry_run: DryRun = False,
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Let a policy decide about findings and leads; the same again changes nothing.

    What goes over a bound of the policy is held: `stillwatch decisions held`.
    """
    from stillwatch.gateway.policy.enact import enact  # noqa: PLC0415 - policies load YAML and JSON Schema
    from stillwatch.gateway.policy.load import load_policy  # noqa: PLC0415

    rules, now = load_policy(policy), moment()
    found = cases(result, accounts, leads)
    with opened_store(store, config, new=True) as opened, spinner(json) as bar:
        done = enact(
            opened, rules, found.cases, now=now, by=who(by), shadow=shadow, dry_run=dry_run,
            progress=bar,
        )  # fmt: skip
    if json:
        tell({**done.record(), "cases": len(found.cases), "unusable": len(found.unusable)})
        return
    print_enacted(done)
    if found.unusable:
        say(
            f"{len(found.unusable):,} accounts have ids that no decision can name, e.g. {found.unusable[0]}"
        )


def print_enacted(done: "Enacted") -> None:
    """What became of the cases, by population."""
    from stillwatch.gateway.policy.outcome import WHATS, counted  # noqa: PLC0415

    head = f"policy {done.policy}{', in shadow' if done.shadow else ''}"
    say(f"{head}{', a dry run: nothing is kept' if done.dry_run else ''}")
    if not done.outcomes:
        say("no case: nothing was found")
        return
    for what, count in done.accounts.items():
        say(f"{count:>8,} {what}: {WHATS[what]}")  # type: ignore[index]
    rows = sorted(counted(done.outcomes).items(), key=lambda item: -item[1])
    print()
    table(
        ("POPULATION", "OUTCOME", "EFFECT", "ACCOUNTS"),
        (
            (population, what, effect or "-", f"{count:,}")
            for (population, what, effect), count in rows
        ),
    )
    held = {one.why: one for one in done.outcomes if one.what == "held"}
    for why in list(held)[:_SHOWN]:
        say(f"held: {why}")
    if len(held) > _SHOWN:
        say(f"… and {len(held) - _SHOWN:,} more reasons")
    if held and not done.dry_run:
        say("`stillwatch decisions held list` shows what waits for a person")
