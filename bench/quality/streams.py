"""Windows of queries composed from real prompts, and the published detector they are tried on.

Benign windows hold prompts of eleven organic sources, a third of which is kept for training; the
attacker's queries come from one of six extraction sources and are wrapped in a scaffold or not.
Nothing of the attacker, source or scaffold, is ever learned from. Windows overlap: the sources hold
some ten thousand prompts outside of the training third.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.profiles.phrases import FamilyTable
from stillwatch.profiles.text import TextFeatures, TextKernel
from stillwatch.profiles.words import WordVectors
from stillwatch.simulation.library import Library
from stillwatch.simulation.paraphrase import variations

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_OF_SOURCE = 600
"""A source weighs as many prompts as it has, but no more than this: two are pipelines of thousands."""
SCAFFOLDS = ("trace", "sweep", "agent", "soften", "grade")
"""Kinds of scaffold of the simulator; each window draws one and its wording."""


def pick(features: TextFeatures, rows: Ints) -> TextFeatures:
    """Some rows of features."""
    return TextFeatures(**{f.name: getattr(features, f.name)[rows] for f in fields(features)})


def together(a: TextFeatures, b: TextFeatures) -> TextFeatures:
    """The rows of both."""
    return TextFeatures(
        **{f.name: np.concatenate([getattr(a, f.name), getattr(b, f.name)]) for f in fields(a)}
    )


@dataclass(frozen=True)
class Organic:
    """Organic prompts by source, and which of them are for training."""

    features: TextFeatures
    source: npt.NDArray[np.str_]
    names: tuple[str, ...]
    weights: Floats
    training: npt.NDArray[np.bool_]
    pools: list[Ints]
    """Rows of each source that are not for training."""

    @classmethod
    def read(cls, folder: Path, kernel: TextKernel, seed: int = 7) -> "Organic":
        """Read and measure them."""
        table = pq.read_table(folder / "organic_prompts.parquet", columns=["source", "prompt"])
        source = np.array(table["source"].to_pylist())
        names, counts = np.unique(source, return_counts=True)
        training = np.random.default_rng(seed).random(source.size) < 1 / 3
        weights = np.minimum(counts, MOST_OF_SOURCE)
        pools = [np.flatnonzero((source == name) & ~training) for name in names]
        features = kernel.features(table["prompt"].combine_chunks())
        return cls(
            features, source, tuple(names.tolist()), weights / weights.sum(), training, pools
        )

    def window(
        self, rng: np.random.Generator, n: int, drift: float = 0.0, without: str = ""
    ) -> Ints:
        """Rows of ``n`` prompts that are not for training.

        ``drift`` 0 keeps the mixture of sources; else it is drawn from a Dirichlet law of that
        concentration, as the mixture of real traffic changes from hour to hour.
        """
        weights = np.where(np.array(self.names) == without, 0.0, self.weights)
        if drift:
            weights = rng.dirichlet(np.maximum(weights * drift, 1e-9))
        room = np.array([pool.size for pool in self.pools])
        counts = np.minimum(rng.multinomial(n, weights / weights.sum()), room)
        while counts.sum() < n:  # a small source is used up: the others fill in
            open_ = np.where((counts < room) & (np.array(self.names) != without), self.weights, 0)
            extra = rng.multinomial(n - counts.sum(), open_ / open_.sum())
            counts = np.minimum(counts + extra, room)
        return np.concatenate(
            [rng.choice(pool, k, replace=False) for pool, k in zip(self.pools, counts, strict=True)]
        )


@dataclass(frozen=True)
class Extraction:
    """Extraction prompts by source."""

    prompts: dict[str, list[str]]
    kernel: TextKernel
    library: Library

    @classmethod
    def read(cls, folder: Path, kernel: TextKernel) -> "Extraction":
        """Read them."""
        table = pq.read_table(folder / "extraction_prompts.parquet", columns=["source", "prompt"])
        prompts: dict[str, list[str]] = {}
        for source, prompt in zip(*table.to_pydict().values(), strict=True):
            prompts.setdefault(source, []).append(prompt)
        return cls(prompts, kernel, Library())

    def job(
        self, rng: np.random.Generator, source: str, n: int, noise: float | None
    ) -> TextFeatures:
        """``n`` queries of one job; ``noise`` None: without scaffold.

        A source of fewer prompts starts again when it is used up, in other variations.
        """
        known = self.prompts[source]
        chosen = np.resize(rng.permutation(len(known)), n)
        texts = [known[i] for i in chosen]
        if noise is not None:
            heads, tails = (variations(rng, part, noise) for part in self._scaffold(rng))
            first, last = (rng.integers(0, len(part), n) for part in (heads, tails))
            texts = [
                heads[a] + text + tails[b] for text, a, b in zip(texts, first, last, strict=True)
            ]
        return self.kernel.features(pa.array(texts, pa.string()))

    def _scaffold(self, rng: np.random.Generator) -> tuple[str, str]:
        """Head and tail of at least 20 characters together, as campaigns draw them."""
        while True:
            kind = SCAFFOLDS[rng.integers(0, len(SCAFFOLDS))]
            keys = rng.integers(1, 1 << 62, 2).astype(np.uint64)
            head = self.library.text(f"{kind}.head", keys[:1])[0].as_py()
            tail = self.library.text(f"{kind}.tail", keys[1:])[0].as_py()
            if len(head) + len(tail) >= 20:
                return head, tail


@dataclass(frozen=True)
class Published:
    """MMD of a window against benign traffic, as published (arXiv 2606.05725).

    Gaussian kernel, bandwidth by the median heuristic, unbiased in the window; the encoder is ours
    (theirs is not named in what we know of it).
    """

    reference: npt.NDArray[np.float32]
    bandwidth: float
    """Median squared distance."""

    @classmethod
    def learn(cls, embedding: npt.NDArray[np.float32]) -> "Published":
        """From the embeddings of benign prompts."""
        half = len(embedding) // 2
        distances = 2 - 2 * embedding[: min(half, 1500)] @ embedding[half : half + 1500].T
        return cls(embedding, float(np.median(distances)))

    def statistic(self, window: npt.NDArray[np.float32]) -> float:
        """Squared MMD without the term of the reference alone, which is constant."""
        n = len(window)
        inside = (self._kernel(window, window).sum() - n) / (n * (n - 1))
        return float(inside - 2 * self._kernel(window, self.reference).mean())

    def _kernel(
        self, a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        return np.exp((2 * (a @ b.T) - 2) / np.float32(self.bandwidth))


def text_kernel() -> TextKernel:
    """The kernel without phrase families: the window test needs none."""
    return TextKernel(FamilyTable.compile(()), WordVectors())
