"""What pages of the reference are made of: tables, and the docstrings of fields."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence
from itertools import pairwise

NOTE = "<!-- Written by docs/generate.py from the code; change that and run `make docs`. -->\n"


def body_of(kind: type) -> list[ast.stmt]:
    """The statements of a class, as its source says them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    return tree.body


def field_docs(kind: type) -> dict[str, str]:
    """The docstring lines under the fields of a dataclass, without their line breaks."""
    docs: dict[str, str] = {}
    for line, below in pairwise(body_of(kind)):
        if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = " ".join(str(below.value.value).replace("``", "`").split())
            docs[line.target.id] = text[0].lower() + re.sub(r"(?<!\.)\.$", "", text[1:])
    return docs


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, escape: bool = True) -> str:
    """A table in Markdown; bars in cells are escaped unless they are meant."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|") if escape else cell for cell in row] for row in lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in cells)
