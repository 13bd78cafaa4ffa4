"""``stillwatch campaigns draft``: claims of suspected groups, and tags by which others join them."""

from stillwatch.cli.campaigns.tags import Result
from stillwatch.cli.share.common import HERE, Config, Json, opened, say, tell
from stillwatch.sharing import drafts
from stillwatch.sharing.matching.marks import draft as draft_marks
from stillwatch.sharing.matching.suspects import read


def draft(result: Result, config: Config = HERE, json: Json = False) -> None:
    """Draft a claim of each campaign and suspected group, and keep its marks for tagging.

    Nothing leaves: claims wait for `stillwatch share review`, tags for `stillwatch share publish`.
    """
    suspected = read(result)
    with opened(config) as (settings, store), store.begin() as connection:
        told = draft_marks(suspected, settings, connection, store.secret, str(result))
        drafts.keep(connection, drafts.Drafted(told.drafts, told.left), settings)
    if json:
        ids = [{"id": one.stix_id, "origin": one.origin} for one in told.drafts]
        tell({"drafts": ids, "tags": told.marks, "left": list(told.left)})
        return
    for one in told.drafts:
        say(f"{one.kind}  {one.stix_id}  from {one.origin}")
    for line in told.left:
        say(line)
    say(
        f"{len(told.drafts)} drafts wait for `stillwatch share review`, {told.marks} tags behind them"
    )
