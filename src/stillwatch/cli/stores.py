"""Which store a command means, and opening it: shared by ``decisions``, ``gateway`` and ``watch``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillwatch.errors import InputError
from stillwatch.places import data_folder

Store_ = Annotated[
    str,
    typer.Option(
        "--store",
        help="File or URL of the store. Default: of --config, else STILLWATCH_STORE, else that of "
        "share.toml here, else share.db in the data folder.",
    ),
]
Config_ = Annotated[
    Path | None, typer.Option("--config", help="Settings of sharing (TOML) that name the store.")
]
if TYPE_CHECKING:
    from stillwatch.store.database import Store

_HERE = Path("share.toml")


def store_url(store: str = "", config: Path | None = None) -> str:
    """URL of the store that is meant: what is said first, then the surroundings.

    Raises ``ConfigError`` for settings that cannot be read.
    """
    named = store or ("" if config else os.environ.get("STILLWATCH_STORE", ""))
    if named:
        return named if "://" in named else f"sqlite:///{named}"
    if config is None and not _HERE.exists():
        return f"sqlite:///{data_folder() / 'share.db'}"
    from stillwatch.sharing.settings import load_settings  # noqa: PLC0415 - it loads cryptography

    return load_settings(config or _HERE).store


@contextmanager
def opened_store(
    store: str = "", config: Path | None = None, *, new: bool = False
) -> Iterator["Store"]:
    """The store, open. Raises ``InputError``, ``ConfigError`` or ``StoredDataError``.

    One that is not there is made only if ``new``: a mistyped name shall not look like a store
    without decisions.
    """
    from stillwatch.store.database import Store  # noqa: PLC0415 - it loads the database toolkit

    url = store_url(store, config)
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite") and not new and not path.exists():
        raise InputError(
            f"there is no store {path}", hint="name it: --store FILE or URL, or --config share.toml"
        )
    opened = Store(url)
    try:
        yield opened
    finally:
        opened.close()
