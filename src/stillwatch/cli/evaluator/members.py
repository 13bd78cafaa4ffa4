"""``stillwatch evaluator members``: tell our evaluator who may ask."""

import os

from stillwatch.cli.evaluator.common import HERE, SETTINGS, Config, Folder, Json, tell
from stillwatch.cli.share.common import asked, opened
from stillwatch.errors import ConfigError
from stillwatch.hub.evaluator.home import Home
from stillwatch.hub.evaluator.members import listed_key, written
from stillwatch.sharing.matching import roll


def members(config: Config = SETTINGS, home: Folder = HERE, json: Json = False) -> None:
    """Write who may ask, from the log as the last `share pull` verified it. Run it after each."""
    with opened(config) as (settings, store), asked(settings) as hub:
        with store.begin() as connection:
            log = roll.known(connection, settings.url)
        listed = roll.members(log, hub.names())
    for one in listed:
        one["keys"] = [listed_key(public, state) for public, state in one["keys"]]
    path = Home(home).members
    _replace(path, written(log.log_key.name, log.size, listed))
    if json:
        tell({"file": str(path), "log": log.log_key.name, "size": log.size, "members": listed})
        return
    active = sum(one["state"] == "active" for one in listed)
    print(f"{path}: {active} members may ask, {len(listed) - active} may not any more")


def _replace(path: os.PathLike[str], data: bytes) -> None:
    """Replace the file whole: the service reads it at any moment."""
    fresh = f"{os.fspath(path)}.new"
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)  # noqa: PTH105
    except OSError as error:
        raise ConfigError(f"{os.fspath(path)} cannot be written ({error.strerror})") from error
