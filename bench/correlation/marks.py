"""Planted marks: calibration on real text, power through a student that is trained here, and cost.

Teacher and student are trigram models (``ngram.py``). The teacher learns from real answers; its stack
raises green tokens by delta 2. The student learns from a mixture of marked answers of this teacher and
of other models' real answers. Then its own answers are tested for the key. Both marks are tested.

cd bench && python -m correlation.marks [--runs 20] [--keys 1000] [--json]
"""

import sys
from typing import Any

import numpy as np
from scipy import stats

from common import arguments, emit
from correlation.figures import share
from correlation.ngram import Trigrams, Vocabulary
from correlation.world import answers, folder_or_none
from stillwatch.provenance.marks.examine import word_ids
from stillwatch.provenance.marks.greenlist import _hits, _threshold, count_green, distinct_pairs
from stillwatch.provenance.marks.keys import Key
from stillwatch.provenance.marks.phrasing import count_choices, mark_text, observe
from stillwatch.provenance.marks.processor import GreenListProcessor, mean_cost

GAMMA, DELTA = 0.25, 2.0
CORPUS = 100_000
"""Tokens that a student learns from."""
GREEN_ANSWER, PHRASING_ANSWER = 10_000, 20_000
"""Tokens that the student answers with."""
GREEN_SHARES = (0.0, 0.02, 0.05, 0.10, 0.25, 0.50)
PHRASING_SHARES = (0.0, 0.25, 0.50, 1.0)


def key(rng: np.random.Generator) -> Key:
    """A key that the seed repeats."""
    return Key("c", rng.bytes(16))


def wrong_keys(texts: list[str], keys: int) -> dict[str, Any]:
    """How often keys that no text carries are called significant."""
    pairs = distinct_pairs([word_ids(text) for text in texts])
    observed = observe(texts)
    rng = np.random.default_rng(7)
    drawn = [key(rng) for _ in range(keys)]
    rows = []
    for title, counts in (
        ("green list", [count_green(pairs, k, GAMMA) for k in drawn]),
        ("phrasings", [count_choices(observed, k) for k in drawn]),
    ):
        p = np.array([c.p for c in counts])
        rows.append(
            [
                title,
                counts[0].distinct,
                share(int((p <= 0.01).sum()), keys),
                share(int((p <= 0.05).sum()), keys),
                share(int((p <= 0.001).sum()), keys),
            ]
        )
    rows.append(["green list, repeats counted again", *_repeats(texts, drawn[:200])])
    head = ("mark", "contexts", "p <= 0.01", "p <= 0.05", "p <= 0.001")
    return {"title": f"Wrong keys on {len(texts)} real answers", "head": head, "rows": rows}


def _repeats(texts: list[str], drawn: list[Key]) -> list[Any]:
    """The same test without counting contexts once."""

    ids = [word_ids(text) for text in texts]
    before = np.concatenate([i[:-1] for i in ids])
    token = np.concatenate([i[1:] for i in ids])
    p = []
    for k in drawn:
        hits = int(_hits(*k.halves, before, token, _threshold(GAMMA)))
        p.append(stats.binom.sf(hits - 1, before.size, GAMMA))
    found = np.array(p)
    return [before.size, *(share(int((found <= a).sum()), len(found)) for a in (0.01, 0.05, 0.001))]


def dilution(teaching: list[str], clean: list[str], runs: int) -> list[dict[str, Any]]:
    """Power against the share of marked text in the student's training text."""
    vocabulary = Vocabulary.of([*teaching, *clean])
    size = len(vocabulary.words)
    teacher = Trigrams([vocabulary.encode(t) for t in teaching], size)
    others = [vocabulary.encode(t) for t in clean]
    green: dict[float, list[float]] = {s: [] for s in GREEN_SHARES}
    choice: dict[float, list[float]] = {s: [] for s in PHRASING_SHARES}
    for run in range(runs):
        rng = np.random.default_rng(100 + run)
        k = key(rng)
        processor = GreenListProcessor(k, GAMMA, DELTA)
        served = teacher.sample(int(CORPUS * max(GREEN_SHARES)), rng, processor)
        for part, p in green.items():
            student = Trigrams(_mix(served, others, part, rng), size)
            pairs = distinct_pairs(student.sample(GREEN_ANSWER, rng))
            p.append(count_green(pairs, k, GAMMA).p)
        phrased = [vocabulary.encode(mark_text(t, k).text) for t in teaching]
        for part, p in choice.items():
            student = Trigrams(_mix(phrased, others, part, rng), size)
            texts = [vocabulary.decode(ids) for ids in student.sample(PHRASING_ANSWER, rng)]
            p.append(count_choices(observe(texts), k).p)
        print(f"run {run + 1} of {runs}", file=sys.stderr, flush=True)
    return [
        _curve("green list", GREEN_ANSWER, green, runs),
        _curve("phrasings", PHRASING_ANSWER, choice, runs),
    ]


def _curve(mark: str, answer: int, p_values: dict[float, list[float]], runs: int) -> dict[str, Any]:
    rows = [
        [
            f"{part:.0%}",
            share(int((np.array(p) < 0.001).sum()), runs),
            f"{np.median(p):.1e}",
            f"{np.max(p):.1e}",
        ]
        for part, p in p_values.items()
    ]
    title = (
        f"Dilution, {mark}: {CORPUS:,} tokens of training text, {answer:,} tokens of the student's "
        "answers, a new key each run"
    )
    return {
        "title": title,
        "head": ("marked share", "p < 0.001", "median p", "largest p"),
        "rows": rows,
    }


def _mix(
    marked: list[np.ndarray], clean: list[np.ndarray], part: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Answers of both kinds, ``part`` of the tokens marked."""
    out: list[np.ndarray] = []
    for texts, wanted in ((marked, part * CORPUS), (clean, (1 - part) * CORPUS)):
        total = 0
        for i in rng.permutation(len(texts)):
            if total >= wanted:
                break
            out.append(texts[i])
            total += texts[i].size
    return out


def costs(teaching: list[str], held: list[str]) -> dict[str, Any]:
    """What each mark does to the text it is set on."""
    vocabulary = Vocabulary.of([*teaching, *held])
    size = len(vocabulary.words)
    teacher = Trigrams([vocabulary.encode(t) for t in teaching], size)
    judge = Trigrams([vocabulary.encode(t) for t in held], size)
    rng = np.random.default_rng(3)
    k = key(rng)
    contexts = [
        t
        for text in teacher.sample(4000, rng)
        for t in zip([1, *text[:-2]], text[:-1], strict=True)
    ]
    nats = mean_cost(
        [int(b) for _, b in contexts],
        [np.maximum(teacher.logits((int(a), int(b))), -60) for a, b in contexts],
        k, GAMMA, DELTA,
    )  # fmt: skip
    plain = judge.perplexity(teacher.sample(20_000, rng))
    green = judge.perplexity(teacher.sample(20_000, rng, GreenListProcessor(k, GAMMA, DELTA)))
    done = [mark_text(t, k) for t in teaching]
    before = judge.perplexity([vocabulary.encode(t) for t in teaching[:150]])
    after = judge.perplexity([vocabulary.encode(d.text) for d in done[:150]])
    changed, words = sum(d.changed for d in done), sum(d.words for d in done)
    rows = [
        ["green list", f"{nats:.3f} nats a token (KL)", f"{plain:.0f} to {green:.0f}"],
        [
            "phrasings",
            f"{1000 * changed / words:.1f} of 1,000 words changed",
            f"{before:.0f} to {after:.0f}",
        ],
    ]
    head = ("mark", "cost", "perplexity under a model of other answers, without and with the mark")
    return {"title": "What the marks cost", "head": head, "rows": rows}


def measured(runs: int, keys: int) -> dict[str, Any]:
    """All tables, or why not."""
    folder = folder_or_none()
    if folder is None:
        return {"skipped": "the answers are absent (STILLWATCH_DATA)"}
    read = answers(folder)
    teaching = [
        text
        for m in ("claude-2.1", "claude-2", "claude-3-opus-20240229")
        for text in read.outputs[m].values()
    ]
    clean = [
        text
        for m in ("llama-2-13b-chat-hf", "vicuna-13b", "mistral-medium", "cohere")
        for text in read.outputs[m].values()
    ]
    return {
        "tables": [
            wrong_keys(teaching, keys),
            *dilution(teaching, clean, runs),
            costs(teaching, clean),
        ]
    }


if __name__ == "__main__":
    options = arguments(__doc__, runs=20, keys=1000)
    emit(measured(options.runs, options.keys), options.json)
