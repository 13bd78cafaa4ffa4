"""``stillwatch decisions arm``: what a policy decided in shadow becomes real."""

from stillwatch.cli.decisions.common import By, DryRun, Json, Reason, moment, table
from stillwatch.cli.decisions.found import PolicyFile
from stillwatch.cli.spoken import say, tell, who
from stillwatch.cli.stores import Config_, Store_, opened_store

_SHOWN = 20


def arm(
    policy: PolicyFile = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Make a policy's decisions in shadow real, after people have looked at them.

    The bounds of the policy hold here as well: what goes over them is held.
    """
    from stillwatch.gateway.policy.arm import arm as run  # noqa: PLC0415 - policies load YAML and JSON Schema
    from stillwatch.gateway.policy.load import load_policy  # noqa: PLC0415

    rules = load_policy(policy)
    with opened_store(store, config) as opened:
        done = run(opened, rules, now=moment(), by=who(by), reason=reason, dry_run=dry_run)
    if json:
        tell({
            "policy": rules.name, "dry_run": dry_run, "armed": [one.record() for one in done.armed],
            "held": [{**one.record(), "why": why} for one, why in done.held],
            "dropped": [{"subject": subject, "why": why} for subject, why in done.dropped],
        })  # fmt: skip
        return
    would = "would be " if dry_run else ""
    say(
        f"{len(done.armed):,} {would}in force, {len(done.held):,} {would}held, {len(done.dropped):,} stay in shadow"
    )
    rows: list[tuple[str, str, str, str]] = [
        ("in force", one.effect, one.subject.value, one.reason) for one in done.armed
    ]
    rows += [("held", one.effect, one.subject.value, why) for one, why in done.held]
    rows += [("shadow", "", subject, why) for subject, why in done.dropped]
    if rows:
        table(("OUTCOME", "EFFECT", "SUBJECT", "WHY"), rows[:_SHOWN])
    if len(rows) > _SHOWN:
        say(f"… and {len(rows) - _SHOWN:,} more (--json lists all)")
    if not rows:
        say(
            f"policy {rules.name} has nothing in shadow: `stillwatch decisions apply --shadow` first"
        )
