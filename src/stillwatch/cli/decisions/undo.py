"""``stillwatch decisions undo``: strike evidence, and what rests on it alone falls."""

from typing import Annotated

import typer

from stillwatch.cli.decisions.common import By, DryRun, Json, Reason, moment, sweep, tell_fallen
from stillwatch.cli.spoken import say, tell, who
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.store import decisions


def undo(
    evidence: Annotated[
        str, typer.Argument(help="finding:RUN/NAME, the STIX id of a claim, lead:NAME …")
    ],
    reason: Reason = "",
    by: By = "",
    dry_run: DryRun = False,
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Strike evidence from all decisions: those fall that have nothing else to rest on."""
    now = moment()
    with opened_store(store, config) as opened, opened.begin() as connection:
        sweep(connection, now)
        before = decisions.newest(connection)
        fell = decisions.undo(connection, evidence, by=who(by), reason=reason, now=now)
        touched = decisions.newest(connection) - before
        if json:
            tell({
                "evidence": evidence, "fell": fell, "struck_from": touched, "dry_run": dry_run,
            })  # fmt: skip
        else:
            would = "would fall" if dry_run else "fell"
            if touched:
                say(f"{len(fell):,} of the {touched:,} decisions in force that rest on it {would}")
            else:
                say(f"no decision in force rests on {evidence}")
            tell_fallen(connection, fell)
        if dry_run:
            connection.rollback()
