"""``stillwatch share key``: our signing key."""

import typer

from stillwatch.cli.share.common import HERE, By, Config, Json, asked, opened, say, tell, who
from stillwatch.sharing.keychange import rotate as change

key = typer.Typer(help="Our signing key.", no_args_is_help=True)


@key.command()
def rotate(by: By = "", config: Config = HERE, json: Json = False) -> None:
    """Replace our signing key by a new one; both sign that. It may be given again after a failure."""
    with opened(config) as (settings, store), asked(settings) as hub:
        new, kept = change(hub, store, settings, who(by))
    if json:
        tell({"kid": new.id, "key": str(settings.key_file), "old": str(kept)})
    else:
        say(f"our key is {new.id}: back up {settings.key_file}; the old one is {kept}")


@key.callback()
def _group() -> None:
    """Our signing key."""
