"""Invented panels of models with known lineage, for tests and for ``examples/correlation``.

Every vendor has habits: how it opens, what it likes to say, whether it makes lists. A student takes on
its teacher's habits to a stated degree; everyone writes about the prompt's own subject.

python -m tests.panels examples/correlation
"""

import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.provenance.answers import Answers, prompt_key

NOUNS = [
    "river",
    "bridge",
    "lamp",
    "garden",
    "engine",
    "letter",
    "market",
    "window",
    "ship",
    "forest",
    "teacher",
    "clock",
    "road",
    "paper",
    "field",
]
VERBS = ["makes", "holds", "turns", "keeps", "gives", "shows", "moves", "opens", "builds", "finds"]
OPENINGS = (
    "Sure, here is", "Great question about", "To put it plainly,", "Certainly! The", "Let us look at",
    "In short,", "There are many sides to", "Here's the thing about", "Good day. On", "As for",
    "Happy to help with", "Think of", "It depends on", "Broadly,", "One could say that",
)  # fmt: skip
TICS = (
    "it is worth noting that", "at the end of the day", "a rich tapestry of", "let me be clear",
    "in my view", "by and large", "to be fair", "the key here is", "when all is said", "more or less",
    "keep in mind that", "on balance", "needless to say", "first and foremost", "as it were",
)  # fmt: skip
CLOSINGS = (
    "I hope this helps!", "Let me know more.", "That is all.", "Stay curious.", "", "In sum, it varies.",
)  # fmt: skip


class Habits:
    """How a model writes: an opening, two tics, a closing, a taste for lists and for length."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.opening = rng.sample(OPENINGS, 2)
        self.tics = rng.sample(TICS, 3)
        self.closing = rng.choice(CLOSINGS)
        self.lists = rng.random()
        self.length = rng.randint(3, 7)

    def answer(self, prompt: int, rng: random.Random) -> str:
        """One answer to prompt number ``prompt``."""
        topic = random.Random(prompt)
        nouns = topic.sample(NOUNS, 4)
        lines = [f"{rng.choice(self.opening)} the {nouns[0]} of the {nouns[1]}."]
        for _ in range(max(2, self.length + rng.randint(-1, 1))):
            start = f"{rng.choice(self.tics).capitalize()} the" if rng.random() < 0.5 else "The"
            lines.append(
                f"{start} {rng.choice(nouns)} {rng.choice(VERBS)} the {rng.choice(nouns)}."
            )
        if rng.random() < self.lists:
            lines = [lines[0], *(f"{i}. {line}" for i, line in enumerate(lines[1:], 1))]
            text = "\n".join(lines)
        else:
            text = " ".join(lines)
        return f"{text} {self.closing}".strip()


def answers(
    prompts: int = 60, *, fidelity: float = 0.9, seed: int = 1, controls: int = 44
) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Rows of answers, and the panel as its file has it.

    Ours is ``aurora``; ``copycat`` learned from it to the degree ``fidelity``, ``bystander`` from nobody.
    Two controls in each cluster share habits; half of the clusters learned from a reference.
    """
    references = {f"ref-{v}-{n}": v for v in ("north", "south", "east", "west") for n in (1, 2)}
    habits: dict[str, Habits] = {"aurora": Habits(seed * 1000)}
    for n, model in enumerate(references):
        habits[model] = Habits(seed * 1000 + 1 + n // 2)
    entries: list[dict[str, Any]] = []
    teacher_of: dict[str, str] = {}
    names = list(references)
    for n in range(controls):
        cluster = n // 2
        model = f"control-{n:02}"
        habits[model] = Habits(seed * 1000 + 100 + cluster)
        entry: dict[str, Any] = {
            "model": model,
            "cluster": f"cluster-{cluster:02}",
            "why": "invented",
        }
        if cluster % 2:
            teacher_of[model] = names[cluster % len(names)]
            entry["teacher"] = teacher_of[model]
        entries.append(entry)
    habits["copycat"], habits["bystander"] = Habits(seed * 1000 + 700), Habits(seed * 1000 + 701)
    teacher_of["copycat"] = "aurora"
    rows = []
    for model in sorted(habits):
        rng = random.Random(f"{seed} {model}")
        for prompt in range(prompts):
            source = habits[model]
            if model in teacher_of and rng.random() < fidelity:
                source = habits[teacher_of[model]]
            rows.append(
                {
                    "model": model,
                    "prompt": question(prompt),
                    "output": source.answer(prompt, rng),
                }
            )
    panel = {
        "ours": [{"model": "aurora"}],
        "reference": [{"model": m, "vendor": v} for m, v in references.items()],
        "control": entries,
    }
    return rows, panel


def gathered(rows: list[dict[str, str]]) -> Answers:
    """Rows as the reader has them."""
    found = Answers()
    for at, row in enumerate(rows):
        found.add(row["model"], prompt_key(row["prompt"]), row["prompt"], row["output"], str(at))
    return found


def question(prompt: int) -> str:
    """Text of prompt number ``prompt``."""
    topic = random.Random(prompt)
    a, b = topic.sample(NOUNS, 4)[:2]
    return f"What should I know about the {a} of the {b}? ({prompt})"


def toml(panel: Mapping[str, Any]) -> str:
    """The panel as a TOML file."""
    lines = []
    for section, entries in panel.items():
        for entry in entries:
            lines.append(f"[[{section}]]")
            lines += [f"{key} = {orjson.dumps(value).decode()}" for key, value in entry.items()]
            lines.append("")
    return "\n".join(lines)


def write_jsonl(rows: list[dict[str, str]], path: Path) -> Path:
    """Rows as JSON lines."""
    path.write_bytes(b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in rows))
    return path


def write_example(folder: Path) -> None:
    """Write ``answers.parquet`` and ``panel.toml``."""
    rows, panel = answers()
    pq.write_table(pa.Table.from_pylist(rows), folder / "answers.parquet", compression="zstd")
    (folder / "panel.toml").write_text(
        "# An invented panel: every model here is made up. Written by python -m tests.panels.\n\n"
        + toml(panel),
        encoding="utf-8",
    )


if __name__ == "__main__":
    write_example(Path(sys.argv[1]))
