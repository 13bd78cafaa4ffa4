"""``stillwatch correlate``: one file per command; without a command's name it is ``run``."""

from typing import Any

import typer
from typer.core import TyperGroup

from stillwatch.cli.correlate.check import check
from stillwatch.cli.correlate.fit import fit
from stillwatch.cli.correlate.marks import marks
from stillwatch.cli.correlate.plan import plan
from stillwatch.cli.correlate.run import run


class RunsByDefault(TyperGroup):
    """``correlate answers.jsonl --panel p.toml`` means ``correlate run answers.jsonl ...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``run`` in front of anything that names no command."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


correlate = typer.Typer(
    help="Was that model trained on ours? Judge a suspect by its answers; `run` may be left out.",
    cls=RunsByDefault,
    no_args_is_help=True,
)
correlate.command()(run)
correlate.command()(check)
correlate.command()(plan)
correlate.command()(fit)
correlate.add_typer(marks, name="marks")
