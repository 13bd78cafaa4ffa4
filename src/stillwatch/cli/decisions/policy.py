"""``stillwatch decisions policy``: look at a policy, and check one before it is used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stillwatch.cli.decisions.common import Json
from stillwatch.cli.spoken import say, tell

if TYPE_CHECKING:
    from stillwatch.gateway.policy.load import Policy

policy = typer.Typer(help="Policies: check one, and see what its rules say.", no_args_is_help=True)


@policy.command()
def check(
    file: Annotated[Path, typer.Argument(help="Policy file, or standard or cautious.")],
    json: Json = False,
) -> None:
    """Check a policy: its form, names, order, bounds, and every sample of every rule."""
    from stillwatch.gateway.policy.load import load_policy  # noqa: PLC0415 - YAML and JSON Schema

    read = load_policy(file)
    if json:
        tell(_record(read))
        return
    samples = sum(len(rule.match) + len(rule.no_match) for rule in read.rules)
    say(
        f"{read.name}, version {read.version}: {len(read.rules)} rules, {samples} samples, no fault"
    )
    for number, rule in enumerate(read.rules, 1):
        effect = rule.effect.value if rule.effect else "spare"
        lasts = (
            f" for {rule.lasts.days}d"
            if rule.lasts.days
            else f" for {rule.lasts}"
            if rule.lasts
            else ""
        )
        say(
            f"{number:>3}. {rule.name}: {effect}{lasts}{', held for a person' if rule.hold else ''}"
        )
    guards = read.guards
    say(
        f"within an hour at most {guards.new_blocks_per_hour:,} accounts newly blocked, "
        f"{guards.new_touched_per_hour:,} touched, {guards.traffic_share:.1%} of the traffic, "
        f"{guards.account_share:.1%} of the accounts; the rest is held"
    )


def _record(read: "Policy") -> dict[str, Any]:
    return {
        "name": read.name,
        "version": read.version,
        "description": read.description,
        "rules": [
            {
                "name": rule.name,
                "effect": rule.effect.value if rule.effect else "spare",
                "seconds": int(rule.lasts.total_seconds()),
                "hold": rule.hold,
                "why": rule.why,
                "samples": len(rule.match) + len(rule.no_match),
            }
            for rule in read.rules
        ],
        "guards": {
            "new_blocks_per_hour": read.guards.new_blocks_per_hour,
            "new_touched_per_hour": read.guards.new_touched_per_hour,
            "traffic_share": read.guards.traffic_share,
            "account_share": read.guards.account_share,
        },
    }
