"""Values and sign-ups as lines of text, as a person or another program hands them over.

Bounded: a line longer than ``MAX_LINE`` is refused without being held, and the next one is read.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import orjson

from stillwatch.errors import InputError

MAX_LINE: Final = 1 << 16
"""Longest line, in bytes."""


def text_lines(stream: BinaryIO) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line that is not empty.

    A byte that is no UTF-8 becomes a lone surrogate, and a line that is too long a text that is
    too long, both of which normalisation refuses.
    """
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
        text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
        if text.strip():
            yield number, text.removeprefix("\ufeff")


def json_lines(stream: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and record of each line; raises ``InputError``, which does not quote the line."""
    for number, text in text_lines(stream):
        record: Any = None
        try:
            record = orjson.loads(text.encode("utf-8", "surrogateescape"))
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise InputError(
                f"line {number} is not a JSON object",
                hint='write one sign-up a line: {"email": "...", "ip": "..."}',
            )
        yield number, record
