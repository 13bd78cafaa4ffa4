"""``stillwatch identifiers check``: whether this machine writes the same bytes as the others."""

from typing import Annotated

import orjson
import typer

from stillwatch.sharing.identifiers.vectors import disagreements, table_versions, vectors


def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Walk the published test vectors, and name the tables that decide normal forms here.

    Ends with status 1 if a vector comes out otherwise: actors would be missed in silence.
    """
    wrong = list(disagreements())
    count, versions = len(vectors()["cases"]), table_versions()
    if as_json:
        told = {"cases": count, "disagree": [one.case for one in wrong], "versions": versions}
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        print(f"{count - len(wrong)} of {count} test vectors hold")
        for one in wrong:
            print(f"  {one.case}: expected {one.expected}, got {one.found}")
        print(", ".join(f"{name} {number}" for name, number in versions.items()))
    if wrong:
        raise typer.Exit(1)
