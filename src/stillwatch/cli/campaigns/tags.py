"""``stillwatch campaigns tags``: what of suspected groups would be published."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stillwatch.cli.share.common import Json, say, tell
from stillwatch.intel.scales import one_digit_up, span
from stillwatch.sharing.matching.marks import tellable
from stillwatch.sharing.matching.suspects import Group, Suspected, read

Result = Annotated[Path, typer.Argument(help="Result directory of `stillwatch detect`.")]


def tags(result: Result, json: Json = False) -> None:
    """Show what other labs could recognise of the campaigns and suspected groups of a result.

    Nothing is kept and nothing leaves. `stillwatch campaigns draft` makes claims of it.
    """
    suspected = read(result)
    groups, left = tellable(suspected)
    if json:
        tell(_record(suspected, groups, left))
        return
    for group in groups:
        found = "found here" if group.reported else "suspected"
        accounts = span(len(group.accounts))
        say(
            f"{group.name}  {found}, p {one_digit_up(group.p_value):g}, {accounts.low} to "
            f"{accounts.high} accounts: {len(group.bands)} bands, {len(group.prompts)} rare prompts"
        )
    for why, many in left.items():
        say(f"{many} groups stay here: {why}")
    say(
        f"left out: {suspected.common_bands} bands and {suspected.common_prompts} prompts that others "
        f"here have, too; {suspected.thin} groups with too short a skeleton; {suspected.beyond} groups "
        "beyond the most that are kept"
    )
    marks = sum(len(group.bands) + len(group.prompts) for group in groups)
    say(f"{marks} tags of {len(groups)} groups would leave; accounts and wording would not")


def _record(suspected: Suspected, groups: list[Group], left: dict[str, int]) -> dict[str, Any]:
    return {
        "groups": [
            {
                "name": group.name,
                "reported": group.reported,
                "p_value": one_digit_up(group.p_value),
                "accounts": [span(len(group.accounts)).low, span(len(group.accounts)).high],
                "exchanges": [span(group.events).low, span(group.events).high],
                "bands": len(group.bands),
                "prompts": len(group.prompts),
            }
            for group in groups
        ],
        "staying": left,
        "left_out": {
            "common_bands": suspected.common_bands,
            "common_prompts": suspected.common_prompts,
            "thin": suspected.thin,
            "beyond": suspected.beyond,
        },
        "tags": sum(len(group.bands) + len(group.prompts) for group in groups),
    }
