"""Vectors of pieces of text, from the static token embeddings that ship with wordllama.

A prompt's embedding is the sum of the vectors of its tokens, so a piece (see ``scan``) has a
vector of its own: the sum over the tokens the model's byte-pair encoding splits it into. The
encoding is done here, inside the kernel, because a call into a tokenizer library per new word
would cost more than everything else; the test compares it with that library token by token.

Rules
    * Files are read from the installed wheel; the package is not imported, the network not used.
    * Vectors are whole numbers (2^-6 of the model's unit): sums do not depend on any order.
    * A ``WordVectors`` caches pieces it has seen. The cache is bounded; when it is full it is
      emptied, which costs time and cannot change a result.

>>> model = token_model()
>>> model.vectors.shape
(32000, 64)
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numba import uint32, uint64
from safetensors.numpy import load_file

from stillwatch.errors import ConfigError
from stillwatch.profiles.hashing import helper, kernel, mix64
from stillwatch.profiles.pieces import FIXED, PIECE, PIECES

DIM = 64
UNIT = 64
"""Vectors are stored in steps of 1 / UNIT; 56 tokens of the largest weight (8.02) fit int16."""
SPACE_MARK = "\u2581"
"""How the vocabulary writes a space."""

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_ID_BITS = 15  # 32,000 token ids
_MERGE_SLOTS = 1 << 17  # 61,249 merges
_NO_MERGE = np.uint32(0xFFFFFFFF)
_MOST_TOKENS = PIECE + 8  # a space, and a last character of four bytes that starts before PIECE
_ROW_BITS = 20


@dataclass(frozen=True, slots=True)
class TokenModel:
    """A byte-pair vocabulary with a vector per token; read-only, shared by all threads."""

    vectors: npt.NDArray[np.int16]
    """Shape (tokens, DIM), in steps of 1 / UNIT."""
    characters: npt.NDArray[np.int32]
    """Token of each code point below 65,536, -1 where it must be spelt in bytes."""
    merges: npt.NDArray[np.uint32]
    """Open-addressing table (slots, 2): left << 16 | right, and rank << 15 | merged token."""


@cache
def token_model() -> TokenModel:
    """Read the model from the wheel (about 0.1 s), once per process.

    Raises ``ConfigError`` when the wheel lacks the files.
    """
    spec = importlib.util.find_spec("wordllama")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    if folder is None or not all((folder / f).is_file() for f in (_WEIGHTS, _TOKENIZER)):
        raise ConfigError(
            f"the token vectors ({_WEIGHTS} of the package wordllama) are missing",
            hint="install wordllama again, in the version that pyproject.toml names",
        )
    weights = load_file(folder / _WEIGHTS)["embedding.weight"][:, :DIM]
    vectors = np.rint(weights.astype(np.float32) * UNIT).astype(np.int16)
    model = orjson.loads((folder / _TOKENIZER).read_bytes())["model"]
    return TokenModel(vectors, _characters(model["vocab"]), _merges(model))


def _characters(vocabulary: dict[str, int]) -> npt.NDArray[np.int32]:
    table = np.full(1 << 16, -1, dtype=np.int32)
    for token, number in vocabulary.items():
        if len(token) == 1 and ord(token) < table.size:
            table[ord(token)] = number
    return table


def _merges(model: dict[str, Any]) -> npt.NDArray[np.uint32]:
    tokens = pa.array(list(model["vocab"]))
    numbers = np.fromiter(model["vocab"].values(), dtype=np.uint32)
    pairs = pc.split_pattern(pa.array(model["merges"]), " ").flatten()
    left, right = pairs[::2], pairs[1::2]

    def token(texts: pa.Array) -> npt.NDArray[np.uint32]:
        return np.asarray(numbers[pc.index_in(texts, tokens).to_numpy()])

    merged = token(pc.binary_join_element_wise(left, right, ""))
    ranks = np.arange(merged.size, dtype=np.uint32)
    table = np.zeros((_MERGE_SLOTS, 2), dtype=np.uint32)
    _fill_merges(table, token(left) << 16 | token(right), ranks << _ID_BITS | merged)
    return table


@kernel
def _fill_merges(table, keys, values):  # type: ignore[no-untyped-def]
    for i in range(keys.size):
        slot = mix64(uint64(keys[i])) & uint64(_MERGE_SLOTS - 1)
        while table[slot, 0] != 0 and table[slot, 0] != keys[i]:
            slot = (slot + uint64(1)) & uint64(_MERGE_SLOTS - 1)
        if table[slot, 0] == 0:  # the first rank of a pair holds
            table[slot, 0] = keys[i]
            table[slot, 1] = values[i]


@helper
def _merge(merges, left, right):  # type: ignore[no-untyped-def]
    """Rank << 15 | token of a pair, or ``_NO_MERGE``."""
    key = uint32(left << 16 | right)
    slot = mix64(uint64(key)) & uint64(_MERGE_SLOTS - 1)
    while merges[slot, 0] != 0:
        if merges[slot, 0] == key:
            return merges[slot, 1]
        slot = (slot + uint64(1)) & uint64(_MERGE_SLOTS - 1)
    return _NO_MERGE


@kernel
def _spell(data, start, size, spaced, characters, tokens):  # type: ignore[no-untyped-def]
    """Tokens of the single characters of a piece, bytes where there are none; their number."""
    n = 0
    if spaced:
        tokens[n] = characters[0x2581]
        n += 1
    i = start
    while i < start + size:
        b = np.int64(data[i])
        length = 1 if b < 0x80 else 2 if b < 0xE0 else 3 if b < 0xF0 else 4
        code = b
        if length > 1:
            code = b & (0x7F >> length)
            for j in range(1, length):
                code = code << 6 | (data[i + j] & 0x3F)
        token = characters[code] if code < characters.size else -1
        if token >= 0:
            tokens[n] = token
            n += 1
        else:
            for j in range(length):
                tokens[n] = 3 + data[i + j]
                n += 1
        i += length
    return n


@kernel
def encode(data, start, size, spaced, characters, merges, tokens, ranks):  # type: ignore[no-untyped-def]
    """Byte-pair encoding of ``data[start:start + size]`` into ``tokens`` i32 (56,); their number.

    The pair of lowest rank is merged first, the leftmost of equals, until no pair has a rank.
    ``ranks`` u32 (56,) is room to work in.
    """
    n = _spell(data, start, size, spaced, characters, tokens)
    for i in range(n - 1):
        ranks[i] = _merge(merges, tokens[i], tokens[i + 1])
    while n > 1:
        best = 0
        for i in range(1, n - 1):
            if ranks[i] < ranks[best]:
                best = i
        if ranks[best] == _NO_MERGE:
            break
        tokens[best] = np.int32(ranks[best] & uint32((1 << _ID_BITS) - 1))
        n -= 1
        for i in range(best + 1, n):
            tokens[i] = tokens[i + 1]
        for i in range(best, n - 1):
            ranks[i] = ranks[i + 1]
        if best > 0:
            ranks[best - 1] = _merge(merges, tokens[best - 1], tokens[best])
        if best < n - 1:
            ranks[best] = _merge(merges, tokens[best], tokens[best + 1])
    return n


@kernel
def piece_vector(data, start, size, spaced, characters, merges, vectors, tokens, ranks, row):  # type: ignore[no-untyped-def]
    """Sum of the token vectors of a piece into ``row`` i16 (DIM,)."""
    n = encode(data, start, size, spaced, characters, merges, tokens, ranks)
    for d in range(DIM):
        row[d] = 0
    for i in range(n):
        for d in range(DIM):
            row[d] += vectors[tokens[i], d]


@kernel
def find_rows(  # type: ignore[no-untyped-def]
    data, pieces, count, table, rows, used, characters, merges, vectors, tokens, ranks
) -> None:
    """Replace the keys of ``pieces[:count]`` (see ``scan``) by their row in ``rows`` i16.

    ``table`` u64 (slots,) holds the upper bits of a key and its row; ``used`` i64 (1,) counts the
    rows in use. A piece that is not there is encoded and added. A table without room for a whole
    block is emptied before the block, so that no row moves within it.
    """
    mask = uint64(table.size - 1)
    low = uint64((1 << _ROW_BITS) - 1)
    if used[0] + count > rows.shape[0]:
        for slot in range(table.size):
            table[slot] = 0
        used[0] = FIXED
    for k in range(count):
        key, size = pieces[k, 0], pieces[k, 2]
        tag = key & ~low
        slot = key & mask
        entry = table[slot]
        if size == 0 or (entry != 0 and entry & ~low == tag):  # one branch, nearly always taken
            pieces[k, 0] = key if size == 0 else entry & low
            continue
        while entry != 0 and entry & ~low != tag:
            slot = (slot + uint64(1)) & mask
            entry = table[slot]
        if entry == 0:
            entry = tag | uint64(used[0])
            table[slot] = entry
            piece_vector(
                data, np.int64(pieces[k, 1]), np.int64(size) & 255, size > 255,
                characters, merges, vectors, tokens, ranks, rows[used[0]],
            )  # fmt: skip
            used[0] += 1
        pieces[k, 0] = entry & low


class WordVectors:
    """A bounded cache of piece vectors. Use one per thread; the model behind it is shared.

    ``capacity`` pieces take 128 bytes each, plus 16 for the table. Raises ``ConfigError`` when
    the model's files are missing.
    """

    def __init__(self, capacity: int = 1 << 17) -> None:
        assert PIECES <= capacity < (1 << _ROW_BITS) - FIXED
        self.model = token_model()
        slots = 1 << (2 * capacity - 1).bit_length()
        self.table = np.zeros(slots, dtype=np.uint64)
        self.rows = np.empty((FIXED + capacity, DIM), dtype=np.int16)
        self.used = np.array([FIXED], dtype=np.int64)
        self.tokens = np.empty(_MOST_TOKENS, dtype=np.int32)
        self.ranks = np.empty(_MOST_TOKENS, dtype=np.uint32)
        for row, (text, spaced) in enumerate(_fixed_pieces()):
            self.vector(text, spaced, out=self.rows[row])

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What ``find_rows`` needs, in its order from ``table`` on."""
        model = self.model
        return (
            self.table, self.rows, self.used, model.characters, model.merges, model.vectors,
            self.tokens, self.ranks,
        )  # fmt: skip

    def vector(
        self, text: str, spaced: bool, out: npt.NDArray[np.int16] | None = None
    ) -> npt.NDArray[np.int16]:
        """Vector of one piece of at most ``PIECE`` bytes, shape (DIM,)."""
        row = np.empty(DIM, dtype=np.int16) if out is None else out
        data = np.frombuffer(text.encode(), dtype=np.uint8)
        model = self.model
        piece_vector(
            data, 0, data.size, spaced, model.characters, model.merges, model.vectors,
            self.tokens, self.ranks, row,
        )  # fmt: skip
        return row


NO_ARRAYS: tuple[npt.NDArray[Any], ...] = (
    np.zeros(1, dtype=np.uint64),
    np.zeros((1, DIM), dtype=np.int16),
    np.zeros(1, dtype=np.int64),
    np.zeros(1, dtype=np.int32),
    np.zeros((1, 2), dtype=np.uint32),
    np.zeros((1, DIM), dtype=np.int16),
    np.zeros(1, dtype=np.int32),
    np.zeros(1, dtype=np.uint32),
)
"""Stands in for ``WordVectors.arrays`` where no vectors are wanted: same types, never read."""


def _fixed_pieces() -> list[tuple[str, bool]]:
    characters = [chr(code) for code in range(128)]
    runs = [(SPACE_MARK * n, False) for n in range(1, 17)]
    return [(c, False) for c in characters] + [(c, True) for c in characters] + runs
