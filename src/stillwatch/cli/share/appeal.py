"""``stillwatch share appeal``: redress for account holders, as appellant and as publisher."""

from typing import Annotated, Any

import typer

from stillwatch.cli.share.common import HERE, By, Config, Json, asked, opened, say, tell, who
from stillwatch.errors import InputError
from stillwatch.sharing import acts
from stillwatch.sharing.hub import Hub
from stillwatch.store import inbox

appeal = typer.Typer(help="Appeals of account holders against claims.", no_args_is_help=True)


@appeal.command("open")
def open_(
    claim: Annotated[str, typer.Argument(help="STIX id of the claim.")],
    reason: Annotated[str, typer.Option("--reason", help="The innocent explanation.")],
    by: By = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Appeal against a claim for an account holder, who is not named: the claim is frozen."""
    with opened(config) as (settings, store):
        with store.begin() as connection:
            found = [one for one in inbox.newest(connection, claim) if one.signed]
        if not found:
            raise InputError(
                f"no signed claim {claim!r} was received", hint="`stillwatch share pull` first"
            )
        with asked(settings) as hub:
            made = hub.open_appeal(found[-1].collection, claim, reason)
        acts.note(store, claim, "appeal.open", who(by), reason)
    _told([made], json)


@appeal.command("list")
def list_(config: Config = HERE, json: Json = False) -> None:
    """List our appeals, and those that we have to answer."""
    with opened(config) as (settings, _), asked(settings) as hub:
        found = list(hub.appeals())
    _told(found, json)


@appeal.command()
def answer(
    id_: Annotated[str, typer.Argument(metavar="APPEAL", help="Id of the appeal.")],
    outcome: Annotated[str, typer.Argument(help="upheld or rejected.")],
    by: By = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Answer an appeal against a claim of ours; it leaves with the next `stillwatch share publish`."""
    if outcome not in ("upheld", "rejected"):
        raise InputError(f"no outcome {outcome!r}", hint="known: upheld, rejected")
    with opened(config) as (settings, store):
        with asked(settings) as hub:
            claim = _ours(hub, id_)
        judgement = "strongly-disagree" if outcome == "upheld" else "strongly-agree"
        with store.begin() as connection:
            made = acts.judge(connection, settings, claim, judgement, f"appeal-{outcome}", who(by))
    if json:
        tell({"id": made.stix_id, "claim": claim, "state": made.state})
    else:
        say(f"{made.stix_id} is released: `stillwatch share publish` sends it")


def _ours(hub: Hub, id_: str) -> str:
    """The claim of ours that an open appeal is about."""
    for one in hub.appeals():
        if one.get("id") == id_ and one.get("part") == "publisher" and one.get("state") == "open":
            return str(one.get("claim"))
    raise InputError(
        f"no open appeal {id_!r} is ours to answer", hint="`stillwatch share appeal list`"
    )


def _told(found: list[dict[str, Any]], json: bool) -> None:
    if json:
        tell(found)
        return
    for one in found:
        say(
            " ".join(f"{n}={one.get(n)}" for n in ("id", "claim", "reason", "state", "due", "part"))
        )
    say(f"{len(found)} appeals")
