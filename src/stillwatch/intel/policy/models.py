"""Public names of models, put together from listed words and short numbers.

A name such as ``qwen/Qwen2.5-7B-Instruct`` is public; a free text in its place would be the one
hole in the fence. So a name is a sequence of listed words, single letters and numbers of at most
four digits, with one root among the words.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from stillwatch.intel.policy.refusal import Context
from stillwatch.intel.policy.values import wrong

_CHARS: Final = 64
_FORM: Final = re.compile(r"[A-Za-z0-9]+([-_./: ][A-Za-z0-9]+)*")
_PIECE: Final = re.compile(r"[a-z]+|[0-9]+")
_PIECES: Final = 14
_NUMBERS: Final = 6
_LETTERS: Final = 3
_NUMBER_CHARS: Final = 4


@dataclass(frozen=True, slots=True)
class ModelName:
    """Public name of a model."""

    roots: frozenset[str]
    words: frozenset[str]

    def check(self, value: Any, path: str, context: Context) -> None:
        """Refuse what does not fit."""
        if not isinstance(value, str) or len(value) > _CHARS or not _FORM.fullmatch(value):
            wrong(value, path, "the public name of a model", context)
        elif not self.fits(value):
            context.refuse(
                path,
                "must be the public name of a model, put together from listed words and short numbers",
                "a model that is not listed is called unlisted and its size, as unlisted-7b",
            )

    def fits(self, name: str) -> bool:
        """Whether every piece is listed, and one is a root."""
        pieces = _PIECE.findall(name.lower())
        numbers = [piece for piece in pieces if piece.isdigit()]
        words = [piece for piece in pieces if len(piece) > 1 and not piece.isdigit()]
        letters = len(pieces) - len(numbers) - len(words)
        return (
            len(pieces) <= _PIECES
            and len(numbers) <= _NUMBERS
            and letters <= _LETTERS
            and all(len(number) <= _NUMBER_CHARS for number in numbers)
            and all(word in self.roots or word in self.words for word in words)
            and any(word in self.roots for word in words)
        )

    def schema(self) -> dict[str, Any]:
        """JSON Schema; the lists are narrower."""
        return {"type": "string", "pattern": f"^{_FORM.pattern}$", "maxLength": _CHARS}

    def told(self) -> str:
        """Range in words."""
        return (
            "a public name of a model, put together from listed words and numbers of up to "
            f"{_NUMBER_CHARS} digits, at most {_CHARS} characters, as `qwen/Qwen2.5-7B-Instruct`"
        )

    def bits(self) -> float:
        """Logarithm of the number of values, from above."""
        words = _PIECES - _NUMBERS - _LETTERS
        shapes = math.log2(6) * (_PIECES - 1) + _PIECES * math.log2(3)
        parts = _NUMBERS * math.log2(11_110) + _LETTERS * math.log2(26)
        return parts + words * math.log2(len(self.roots | self.words)) + shapes + words
