"""``stillwatch share opinion``, ``sighting`` and ``revoke``: short claims a person makes at once."""

from datetime import date
from typing import Annotated, get_args, get_type_hints

import typer

from stillwatch.cli.share.common import HERE, As, By, Config, Json, opened, say, tell, voice_of, who
from stillwatch.domain.claim import OpinionClaim
from stillwatch.errors import ConfigError
from stillwatch.sharing import acts, pseudonyms
from stillwatch.store.outbox import Draft

_HINTS = get_type_hints(OpinionClaim)
_Id = Annotated[str, typer.Argument(help="STIX id of the claim.")]


def opinion(
    claim: _Id,
    judgement: Annotated[str, typer.Argument(help=", ".join(get_args(_HINTS["opinion"])))],
    reason: Annotated[str, typer.Option("--reason", help=", ".join(get_args(_HINTS["reason"])))],
    as_: As = "",
    by: By = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Judge another's claim; it leaves with the next `stillwatch share publish`."""
    for value, name in ((judgement, "opinion"), (reason, "reason")):
        if value not in get_args(_HINTS[name]):
            raise ConfigError(
                f"no {name} {value!r}", hint=f"known: {', '.join(get_args(_HINTS[name]))}"
            )
    with opened(config) as (settings, store), store.begin() as connection:
        voice = voice_of(connection, settings, as_)
        made = acts.judge(connection, voice, claim, judgement, reason, who(by))
    _told(made, json, as_)


def sighting(
    claim: _Id,
    accounts: Annotated[int, typer.Option("--accounts", min=1, help="Told as a range.")],
    first: Annotated[str, typer.Option("--first", help="First day it was seen here.")],
    last: Annotated[str, typer.Option("--last", help="Last day.")],
    as_: As = "",
    by: By = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Say that what a claim describes was seen here; it leaves with the next publish."""
    try:
        days = (date.fromisoformat(first), date.fromisoformat(last))
    except ValueError as error:
        raise ConfigError(f"no day: {error}", hint="YYYY-MM-DD") from error
    with opened(config) as (settings, store), store.begin() as connection:
        voice = voice_of(connection, settings, as_)
        made = acts.sight(connection, voice, claim, accounts, days, who(by))
    _told(made, json, as_)


def revoke(
    claim: _Id,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept here, told to nobody.")],
    by: By = "",
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Take back a claim of ours; it leaves with the next publish, and nothing follows it."""
    with opened(config) as (settings, store), store.begin() as connection:
        made = acts.revoke(connection, claim, who(by), reason)
        name = pseudonyms.called(connection, settings).get(str(made.body["created_by_ref"]), "")
    _told(made, json, "" if name == settings.member else name)


def _told(made: Draft, json: bool, name: str) -> None:
    if json:
        tell({"id": made.stix_id, "kind": made.kind, "state": made.state})
    else:
        sends = f"stillwatch share publish{f' --as {name}' if name else ''}"
        say(f"{made.kind} {made.stix_id} is released: `{sends}` sends it")
