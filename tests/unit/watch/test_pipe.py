"""A pipe: whole lines as they come, the last one at the end, never more in memory than a block."""

import os
from collections.abc import Iterator

import pytest

from stillwatch.watch.interface import Bounds
from stillwatch.watch.pipe import Pipe
from tests.watching import OPTIONS, ids, line, lines, taken


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            continue  # closed by the test


def test_lines_are_taken_as_they_come(ends: tuple[int, int]) -> None:
    pipe = Pipe(ends[0], OPTIONS, Bounds())
    assert taken(pipe) == []
    os.write(ends[1], lines(0, 2) + line(2)[:9])
    assert taken(pipe) == ids(0, 2)
    os.write(ends[1], line(2)[9:])
    assert taken(pipe) == ["e2"]
    assert not pipe.ended


def test_the_last_line_needs_no_end(ends: tuple[int, int]) -> None:
    pipe = Pipe(ends[0], OPTIONS, Bounds())
    os.write(ends[1], lines(0, 3)[:-1])
    os.close(ends[1])
    assert taken(pipe) == ids(0, 3)
    assert pipe.ended
    assert pipe.position() == {"bytes": len(lines(0, 3)) - 1}


def test_no_more_than_a_block_is_read_ahead(ends: tuple[int, int]) -> None:
    pipe = Pipe(ends[0], OPTIONS, Bounds(block_bytes=500))
    os.write(ends[1], lines(0, 300))
    block = pipe.take()
    assert block is not None
    assert pipe.backlog() <= 500 + 65_536
    block.accept()
    os.close(ends[1])
    assert block.good + len(taken(pipe)) == 300


def test_a_line_beyond_the_limit_is_one_bad_row(ends: tuple[int, int]) -> None:
    options = OPTIONS.__class__(
        columns=OPTIONS.columns, limits=OPTIONS.limits.__class__(line_bytes=1000)
    )
    pipe = Pipe(ends[0], options, Bounds(block_bytes=400))
    os.write(ends[1], line(0) + b'{"x": "' + b"y" * 5000)
    assert taken(pipe) == ["e0", "bad 2"]
    os.write(ends[1], b"y" * 300 + b'"}\n' + line(1))
    os.close(ends[1])
    assert taken(pipe) == ["e1"]
