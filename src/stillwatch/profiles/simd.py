"""Vector instructions that numba's loops do not reach, for the text kernel's inner loops.

Each is a few lines of LLVM's portable vector types: the compiler maps them to whatever the
machine has (AVX-512, AVX2, NEON), with the same result on all. Nothing is checked: callers
vouch for the bounds. Sums are taken in a fixed order and never fused, so that the same prompt
has the same bits everywhere.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
"""Numbers of 32 bits that one vector holds."""

# numba's types do not know that ``intrinsic`` fills in the first argument, and lack ``cgutils``
_intrinsic: Any = intrinsic
_utils: Any = cgutils
_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_F32 = ir.FloatType()


def _vector(of: Any, lanes: int = LANES) -> Any:
    return ir.VectorType(of, lanes)


def _at(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Pointer to one element of an array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _load(builder: Any, pointer: Any, vector: Any, align: int) -> Any:
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = align
    return loaded


def _store(builder: Any, value: Any, pointer: Any, align: int) -> None:
    stored = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()))
    stored.align = align


def _spread(builder: Any, value: Any, lanes: int = LANES) -> Any:
    """A vector of ``lanes`` times the same value."""
    undefined = ir.Constant(_vector(value.type, lanes), ir.Undefined)
    one = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(_vector(_I32, lanes), [0] * lanes))


def _shuffled(builder: Any, a: Any, b: Any, places: Sequence[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(_vector(_I32, len(places)), list(places)))


@_intrinsic
def letter_mask(typing_context, data, at):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Bit j: an ASCII letter stands at ``data[at + j]``; 64 bytes of a uint8 array."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bytes_ = _vector(_I8, 64)
        raw = _load(builder, _at(context, builder, signature.args[0], *arguments), bytes_, 1)
        lower = builder.or_(raw, ir.Constant(bytes_, [0x20] * 64))
        place = builder.sub(lower, ir.Constant(bytes_, [ord("a")] * 64))
        letter = builder.icmp_unsigned("<", place, ir.Constant(bytes_, [26] * 64))
        return builder.bitcast(letter, _I64)

    return types.uint64(data, types.int64), build


@_intrinsic
def count_below(typing_context, values, at, bound):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """How many of the 16 numbers ``values[at:at + 16]`` (uint32) are below ``bound``."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _at(context, builder, signature.args[0], *arguments[:2])
        loaded = _load(builder, place, _vector(_I32), 4)
        below = builder.icmp_unsigned("<", loaded, _spread(builder, arguments[2]))
        return builder.zext(builder.ctpop(builder.bitcast(below, _I16)), _I64)

    return types.int64(values, types.int64, types.uint32), build


@_intrinsic
def contains(typing_context, values, value):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Whether ``value`` is one of the 16 numbers ``values[:16]`` (uint32)."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _at(context, builder, signature.args[0], arguments[0], _I64(0))
        loaded = _load(builder, place, _vector(_I32), 4)
        equal = builder.icmp_unsigned("==", loaded, _spread(builder, arguments[1]))
        return builder.icmp_unsigned("!=", builder.bitcast(equal, _I16), _I16(0))

    return types.boolean(values, types.uint32), build


def _exchange(builder: Any, values: Any, partners: Sequence[int]) -> Any:
    """One step of a sorting network: of lane i and its partner the lower keeps the smaller."""
    other = _shuffled(builder, values, values, partners)
    less = builder.icmp_unsigned("<", values, other)
    small = builder.select(less, values, other)
    large = builder.select(less, other, values)
    lower = [i if i < partner else LANES + i for i, partner in enumerate(partners)]
    return _shuffled(builder, small, large, lower)


def _merged(builder: Any, values: Any) -> Any:
    """Sort a vector that rises and then falls."""
    for distance in (8, 4, 2, 1):
        values = _exchange(builder, values, [i ^ distance for i in range(LANES)])
    return values


def _sorted(builder: Any, values: Any) -> Any:
    """Sort a vector: Batcher's bitonic network (1968), ten steps."""
    for run in (2, 4, 8, 16):
        values = _exchange(builder, values, [i ^ (run - 1) for i in range(LANES)])
        distance = run // 4
        while distance:
            values = _exchange(builder, values, [i ^ distance for i in range(LANES)])
            distance //= 2
    return values


@_intrinsic
def sort_16(typing_context, values):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Sort the 16 numbers ``values[:16]`` (uint32) in place."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _at(context, builder, signature.args[0], arguments[0], _I64(0))
        _store(builder, _sorted(builder, _load(builder, place, _vector(_I32), 4)), place, 4)
        return context.get_dummy_value()

    return types.void(values), build


@_intrinsic
def sort_32(typing_context, values):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Sort the 32 numbers ``values[:32]`` (uint32) in place."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second = (
            _at(context, builder, signature.args[0], arguments[0], _I64(at)) for at in (0, LANES)
        )
        a = _sorted(builder, _load(builder, first, _vector(_I32), 4))
        b = _sorted(builder, _load(builder, second, _vector(_I32), 4))
        b = _shuffled(builder, b, b, range(LANES - 1, -1, -1))
        less = builder.icmp_unsigned("<", a, b)
        _store(builder, _merged(builder, builder.select(less, a, b)), first, 4)
        _store(builder, _merged(builder, builder.select(less, b, a)), second, 4)
        return context.get_dummy_value()

    return types.void(values), build


@_intrinsic
def add_rows(typing_context, pieces, count, rows, total):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Add ``rows[pieces[k, 0]]`` (int16, 64 columns) to ``total`` i32 (64,) for k below ``count``."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        parts = [_I64(at) for at in range(0, 64, LANES)]
        totals = [_at(context, builder, kinds[3], arguments[3], part) for part in parts]
        sums = []
        for place in totals:
            sums.append(_utils.alloca_once(builder, _vector(_I32)))
            builder.store(_load(builder, place, _vector(_I32), 4), sums[-1])
        with _utils.for_range(builder, arguments[1], intp=_I64) as loop:
            entry = builder.mul(loop.index, _I64(pieces.ndim + 1))
            row = builder.load(_at(context, builder, kinds[0], arguments[0], entry))
            start = builder.mul(row, _I64(64))
            for part, sum_ in zip(parts, sums, strict=True):
                place = _at(context, builder, kinds[2], arguments[2], builder.add(start, part))
                wide = builder.sext(_load(builder, place, _vector(_I16), 2), _vector(_I32))
                builder.store(builder.add(builder.load(sum_), wide), sum_)
        for place, sum_ in zip(totals, sums, strict=True):
            _store(builder, builder.load(sum_), place, 4)
        return context.get_dummy_value()

    return types.void(pieces, types.int64, rows, total), build


def product_of(inner: int, columns: int, rows: int) -> Callable[..., Any]:
    """A function ``(left, at, right, out)``: ``out = left[at:at + rows] @ right``, in float32.

    ``left`` (n, inner), ``right`` (inner, columns), ``out`` (rows, columns), C-contiguous;
    ``columns`` a multiple of 16. All of ``out`` is summed in registers, which takes
    rows * columns / 16 of them.
    """

    @_intrinsic
    def product(typing_context, left, at, right, out):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds, vector = signature.args, _vector(_F32)
            parts = range(0, columns, LANES)
            zero = ir.Constant(vector, [0.0] * LANES)
            sums = {
                (row, part): _utils.alloca_once_value(builder, zero)
                for row in range(rows)
                for part in parts
            }
            start = builder.mul(arguments[1], _I64(inner))
            with _utils.for_range(builder, _I64(inner), intp=_I64) as loop:
                line = builder.mul(loop.index, _I64(columns))
                cells = {}
                for part in parts:
                    index = builder.add(line, _I64(part))
                    place = _at(context, builder, kinds[2], arguments[2], index)
                    cells[part] = _load(builder, place, vector, 4)
                for row in range(rows):
                    index = builder.add(start, builder.add(loop.index, _I64(row * inner)))
                    one = builder.load(_at(context, builder, kinds[0], arguments[0], index))
                    factor = _spread(builder, one)
                    for part in parts:
                        more = builder.fmul(factor, cells[part])
                        sum_ = sums[row, part]
                        builder.store(builder.fadd(builder.load(sum_), more), sum_)
            for (row, part), sum_ in sums.items():
                place = _at(context, builder, kinds[3], arguments[3], _I64(row * columns + part))
                _store(builder, builder.load(sum_), place, 4)
            return context.get_dummy_value()

        return types.void(left, types.int64, right, out), build

    made: Callable[..., Any] = product
    return made
