"""``stillwatch decisions``: one file per command."""

import typer

from stillwatch.cli.decisions.add import add
from stillwatch.cli.decisions.appeal import appeal
from stillwatch.cli.decisions.apply import apply
from stillwatch.cli.decisions.arm import arm
from stillwatch.cli.decisions.forget import forget
from stillwatch.cli.decisions.held import held
from stillwatch.cli.decisions.lift import lift
from stillwatch.cli.decisions.listing import list_
from stillwatch.cli.decisions.log import log
from stillwatch.cli.decisions.policy import policy
from stillwatch.cli.decisions.renumber import renumber
from stillwatch.cli.decisions.show import show
from stillwatch.cli.decisions.simulate import simulate
from stillwatch.cli.decisions.undo import undo

decisions = typer.Typer(
    help="Decide what happens to requests, see why, and take it back.", no_args_is_help=True
)
for command in (show, add, lift, undo, log, forget, renumber, apply, simulate, arm):
    decisions.command()(command)
decisions.command("list")(list_)
decisions.add_typer(appeal, name="appeal")
decisions.add_typer(held, name="held")
decisions.add_typer(policy, name="policy")
