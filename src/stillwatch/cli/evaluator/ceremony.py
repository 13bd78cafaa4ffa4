"""``stillwatch evaluator ceremony`` and ``refresh``: draw a key that nobody holds; renew its shares."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from stillwatch.cli.evaluator.common import (
    HERE,
    SETTINGS,
    Config,
    Folder,
    Json,
    PassphraseFile,
    day,
    passphrase,
    tell,
)
from stillwatch.cli.share.common import opened
from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.ceremony.plan import Plan, Seat, draw_plan, refresh_plan
from stillwatch.crypto.epoch import next_start
from stillwatch.crypto.files import write_new
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.statements import KeyRing
from stillwatch.domain.claim import StixId
from stillwatch.errors import InputError
from stillwatch.hub.evaluator.ceremonies import Desk, Step
from stillwatch.hub.evaluator.home import Home
from stillwatch.hub.evaluator.memory import no_core_dumps
from stillwatch.sharing.matching import roll

ceremony = typer.Typer(help="Draw a new key with the other evaluators.", no_args_is_help=True)
refresh = typer.Typer(help="Renew the shares of a key that stays.", no_args_is_help=True)
Out = Annotated[Path, typer.Option("--out", help="Folder for the files to send.")]
Files = Annotated[list[Path], typer.Argument(help="Files that came from the others.")]
HERE_OUT = Path()


@ceremony.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the epoch, e.g. 2027-q1.")],
    evaluators: Annotated[
        list[str], typer.Option("--evaluator", help="IDENTITY=URL, once each, in their order.")
    ],
    threshold: Annotated[int, typer.Option("--threshold", help="How many must answer.")] = 2,
    starts: Annotated[
        str, typer.Option("--starts", help="First day; default: as the last epoch here demands.")
    ] = "",
    config: Config = SETTINGS,
    home: Folder = HERE,
    out: Out = HERE_OUT,
    json: Json = False,
) -> None:
    """Propose a ceremony: who, how many, from when. Send the plan to all, and answer it yourself."""
    Home(home).check()
    first = day(starts) if starts else _next(Home(home))
    with _ours(config) as (_, ring):
        seats = [_seat(ring, index, one) for index, one in enumerate(evaluators, 1)]
    _propose(draw_plan(name, threshold, seats, first), out, json)


@refresh.command("new")
def renew(
    name: Annotated[str, typer.Argument(help="Name of the epoch.")],
    config: Config = SETTINGS,
    home: Folder = HERE,
    out: Out = HERE_OUT,
    json: Json = False,
) -> None:
    """Propose to renew the shares of an epoch: same key, same tags; old shares then open nothing."""
    found = [epoch for epoch in Home(home).epochs() if epoch.name == name]
    if not found:
        raise InputError(f"there is no document of epoch {name} in {home}")
    epoch = max(found, key=lambda one: one.generation)
    with _ours(config) as (_, ring):
        seats = [_seat(ring, one.index, f"{one.member}={one.url}") for one in epoch.evaluators]
    _propose(refresh_plan(epoch, seats), out, json)


@refresh.command("answer")
@ceremony.command("answer")
def answer(
    files: Files,
    config: Config = SETTINGS,
    home: Folder = HERE,
    passphrase_file: PassphraseFile = None,
    out: Out = HERE_OUT,
    json: Json = False,
) -> None:
    """Answer a plan with our commit, and, once all commits are there, deal shares to the others."""
    _step(
        config, home, passphrase_file, out, json, lambda desk, ring: desk.answer(files, ring.keys)
    )


@refresh.command("finish")
@ceremony.command("finish")
def finish(
    files: Files,
    config: Config = SETTINGS,
    home: Folder = HERE,
    passphrase_file: PassphraseFile = None,
    out: Out = HERE_OUT,
    json: Json = False,
) -> None:
    """Take the deals made to us, keep our share, sign; with all signatures, write the document."""
    _step(
        config, home, passphrase_file, out, json, lambda desk, ring: desk.finish(files, ring.keys)
    )


def _step(
    config: Path,
    home: Path,
    secret: Path | None,
    out: Path,
    json: bool,
    run: Callable[[Desk, KeyRing], Step],
) -> None:
    no_core_dumps()
    Home(home).check()
    with _ours(config) as (key, ring):
        step = run(Desk(Home(home), key, passphrase(secret), out), ring)
    if json:
        sent = [{"file": str(path), "to": whom} for path, whom in step.send]
        kept = [str(path) for path in step.kept]
        tell({"send": sent, "kept": kept, "waiting": step.waiting})
        return
    for path in step.kept:
        print(f"kept: {path}")
    for path, whom in step.send:
        print(f"send {path} to {whom}")
    print(f"waiting for {step.waiting}" if step.waiting else "the ceremony is complete")


def _propose(plan: Plan, out: Path, json: bool) -> None:
    path = out / f"{plan.name}.{plan.generation}.plan.json"
    out.mkdir(parents=True, exist_ok=True)
    write_new(path, canonical(plan.to_json()) + b"\n")
    if json:
        tell({"file": str(path), "ceremony": plan.id, "generation": plan.generation})
        return
    print(
        f"ceremony {plan.id}: {plan.threshold} of {len(plan.seats)}, {plan.starts} to {plan.ends}"
    )
    for seat in plan.seats:
        print(f"  {seat.index}: {seat.member} at {seat.url}")
    print(f"send {path} to all of them, read the id out to each other, then `answer` it")


@contextmanager
def _ours(config: Path) -> Iterator[tuple[SigningKey, KeyRing]]:
    """Our signing key, and the keys of the log as the last pull verified them."""
    with opened(config) as (settings, store):
        with store.begin() as connection:
            ring = roll.known(connection, settings.url).keys
        yield SigningKey.load(settings.key_file), ring


def _seat(ring: KeyRing, index: int, text: str) -> Seat:
    identity, mark, url = text.partition("=")
    key = ring.of_identity(identity)
    if not mark or key is None or key.state != "active":
        raise InputError(
            f"{text[:120]!r} names no identity with an active key in the log",
            hint="give IDENTITY=URL; run `stillwatch share pull` if it is new",
        )
    return Seat(index, StixId(identity), key.public, url)


def _next(home: Home) -> date:
    last = max(home.epochs(), key=lambda epoch: epoch.ends, default=None)
    if last is None:
        raise InputError("there is no epoch here to follow", hint="say when it begins: --starts")
    return next_start(last)
