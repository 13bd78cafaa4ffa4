"""Parts of nested table columns, by dotted path.

Struct fields are reached whole, at the speed of Arrow. Everything else (list positions, maps,
JSON text) differs from row to row and is looked up row by row, as in a JSON log: what a row
does not have is null.

>>> part(pa.array([[{"a": 1}], []]), "0.a").to_pylist()
[1, None]
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as at

from stillwatch.logs.columns import plain
from stillwatch.logs.mapping import lookup
from stillwatch.logs.messages import parsed


def part(array: pa.Array, path: str) -> pa.Array | list[Any]:
    """Return what is at ``path`` in each value of ``array``."""
    while path and at.is_struct(array.type):
        step, _, rest = path.partition(".")
        if step not in {field.name for field in array.type}:
            break  # a field's own name may have dots
        array, path = pc.struct_field(array, step), rest
    if not path:
        return array
    return [lookup(_plain(scalar), path) for scalar in plain(array)]


def has(kind: pa.DataType, path: str) -> bool:
    """Tell whether values of this type can have something at ``path``."""
    while path and at.is_struct(kind):
        names = {field.name for field in kind}
        step = next((n for n in names if path == n or path.startswith(n + ".")), None)
        if step is None:
            return False
        kind, path = kind.field(step).type, path[len(step) + 1 :]
    return not path or at.is_nested(kind) or at.is_string(kind) or at.is_large_string(kind)


def paths_of(schema: Iterable[pa.Field], prefix: str = "") -> list[str]:
    """Return the paths of the struct fields of a schema, for suggestions."""
    return [
        path
        for field in schema
        for path in (
            paths_of(field.type, f"{prefix}{field.name}.")
            if at.is_struct(field.type)
            else [prefix + field.name]
        )
    ]


def filled(cells: pa.Array | list[Any] | None, rows: int, constant: Any) -> pa.Array | list[Any]:
    """Put a constant wherever a column has nothing."""
    if cells is None:
        return [constant] * rows
    if isinstance(cells, pa.Array):
        if not cells.null_count:
            return cells
        cells = cells.to_pylist()
    return [constant if cell is None else cell for cell in cells]


def _plain(scalar: pa.Scalar) -> Any:
    try:
        value = scalar.as_py()
    except ValueError:
        return None
    return dict(value) if at.is_map(scalar.type) and value is not None else parsed(value)
