"""``stillwatch evaluator unsafe-dealer``: shares for a pilot, from a machine that knew the key."""

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from stillwatch.cli.evaluator.common import PassphraseFile, day, passphrase, today
from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.epoch import Epoch, Evaluator, days_from
from stillwatch.crypto.epoch_document import sign, signed
from stillwatch.crypto.files import write_new
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.sealed import seal_share
from stillwatch.crypto.threshold import UnsafeDealerWarning, unsafe_dealer
from stillwatch.domain.claim import StixId
from stillwatch.errors import InputError
from stillwatch.hub.evaluator.memory import no_core_dumps


def dealer(
    name: Annotated[str, typer.Argument(help="Name of the epoch, e.g. pilot.")],
    evaluators: Annotated[
        list[str],
        typer.Option("--evaluator", help="IDENTITY=KEYFILE=URL, once each, in their order."),
    ],
    out: Annotated[Path, typer.Option("--out", help="New folder for document and shares.")],
    threshold: Annotated[int, typer.Option("--threshold", help="How many must answer.")] = 2,
    starts: Annotated[str, typer.Option("--starts", help="First day; default: today.")] = "",
    passphrase_file: PassphraseFile = None,
) -> None:
    """UNSAFE, for pilots: draw the whole key here and deal it out. Whoever has this machine has it."""
    no_core_dumps()
    print(
        "WARNING: this machine knows the whole key now and could list every tag of this epoch.\n"
        "WARNING: for a pilot only; evaluators that others rely on use `stillwatch evaluator ceremony`.",
        file=sys.stderr,
    )
    secret = passphrase(passphrase_file)
    seats = [_seat(text) for text in evaluators]
    with warnings.catch_warnings(action="ignore", category=UnsafeDealerWarning):
        dealt = unsafe_dealer(threshold, len(seats))
    holders = tuple(
        Evaluator(share.index, member, key.id, url, share.public.element)
        for share, (member, key, url) in zip(dealt.shares, seats, strict=True)
    )
    first = day(starts) if starts else today()
    epoch = Epoch(name, threshold, holders, dealt.public_key, 0, *days_from(first))
    document = signed(epoch, {key.id: sign(epoch, key) for _, key, _ in seats})
    for share in dealt.shares:
        home = out / str(share.index)
        for part in ("shares", "epochs", "ceremonies"):
            (home / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        write_new(home / "epochs" / f"{name}.0.json", canonical(document) + b"\n")
        write_new(home / "shares" / f"{name}.0.share", seal_share(share, secret, name))
        print(f"evaluator {share.index}: {home}")


def _seat(text: str) -> tuple[StixId, SigningKey, str]:
    member, _, rest = text.partition("=")
    file, mark, url = rest.partition("=")
    if not mark:
        raise InputError(f"{text[:120]!r} is no evaluator", hint="give IDENTITY=KEYFILE=URL")
    return StixId(member), SigningKey.load(Path(file)), url
