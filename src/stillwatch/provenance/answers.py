"""Answers of many models to many prompts, and everything that was wrong with them.

Rules
    - A row that cannot be used is never silently dropped: it is counted by reason, with where it was.
    - The same answer twice is one answer. Two different answers of one model to one prompt are a
      contradiction: neither is used.
    - A model that occurs in two files must agree with itself, or the names are two models' names.

>>> answers = Answers()
>>> answers.add("m", "p1", "What is up?", "Hello.", "a.jsonl:1")
>>> answers.outputs["m"]
{'p1': 'Hello.'}
"""

import hashlib
import unicodedata
from dataclasses import dataclass, field

from stillwatch.provenance.limits import Limits


@dataclass
class Troubles:
    """What could not be used: how often, and the first places."""

    counts: dict[str, int] = field(default_factory=dict)
    """Number of cases by reason."""
    places: dict[str, list[str]] = field(default_factory=dict)
    """First places by reason."""

    def tell(self, reason: str, place: str, told: int = 5) -> None:
        """Count one case."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        known = self.places.setdefault(reason, [])
        if len(known) < told:
            known.append(place)

    def sentences(self) -> tuple[str, ...]:
        """Say each reason with its count and first places."""
        return tuple(
            f"{reason}: {n:,} ({', '.join(self.places[reason])}{', ...' if n > len(self.places[reason]) else ''})"
            for reason, n in self.counts.items()
        )


def normalised(prompt: str) -> str:
    """Fold a prompt so that case, spacing and Unicode forms do not tell two copies apart."""
    return " ".join(unicodedata.normalize("NFKC", prompt).casefold().split())


def prompt_key(prompt: str) -> str:
    """Short id of a prompt's normalised text."""
    return hashlib.blake2b(normalised(prompt).encode(), digest_size=8).hexdigest()


@dataclass
class Answers:
    """Usable answers by model and prompt."""

    limits: Limits = field(default_factory=Limits)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """Model to prompt key to answer."""
    prompts: dict[str, str] = field(default_factory=dict)
    """Prompt key to text; empty where only an id is known."""
    troubles: Troubles = field(default_factory=Troubles)
    """What could not be used."""
    ids: dict[str, str | None] = field(default_factory=dict)
    """Key of the prompt that an id stands for; None if it stands for several."""
    _contradicted: set[tuple[str, str]] = field(default_factory=set)

    def add(self, model: str, key: str, prompt: str, output: str, place: str) -> None:
        """Take one row; what is wrong with it goes to ``troubles``."""
        told = self.limits.told
        if not output.strip():
            self.troubles.tell(f"empty answer of {model}, not used", place, told)
            return
        if len(output) > self.limits.answer_chars:
            self.troubles.tell(
                f"answer longer than {self.limits.answer_chars:,} characters, cut", place, told
            )
            output = output[: self.limits.answer_chars]
        mine = self.outputs.setdefault(model, {})
        if (model, key) in self._contradicted:
            self.troubles.tell(_two(model), place, told)
            return
        if key in mine:
            if mine[key] == output:
                self.troubles.tell(f"row of {model} repeated word for word, used once", place, told)
            else:
                self.troubles.tell(_two(model), place, told)
                self._contradicted.add((model, key))
                del mine[key]
            return
        mine[key] = output
        if prompt or key not in self.prompts:
            self.prompts[key] = prompt[: self.limits.prompt_chars]

    def also_known(self, ident: str, key: str) -> None:
        """Note that rows which give only the id ``ident`` mean the prompt ``key``."""
        if self.ids.setdefault(ident, key) != key:
            self.ids[ident] = None

    def resolve(self) -> None:
        """Move answers known by id alone to the prompt that other rows give for the id."""
        for model, row in self.outputs.items():
            for ident in [k for k in row if k in self.ids]:
                key = self.ids[ident]
                output = row.pop(ident)
                if key is None:
                    self.troubles.tell("id that stands for several prompts, not used", ident)
                else:
                    self.add(model, key, self.prompts.get(key, ""), output, ident)

    @property
    def models(self) -> tuple[str, ...]:
        """Models with at least one usable answer, by name."""
        return tuple(sorted(model for model, row in self.outputs.items() if row))

    @property
    def contradicted(self) -> dict[str, int]:
        """Prompts that a model answered twice and differently, by model."""
        counts: dict[str, int] = {}
        for model, _ in self._contradicted:
            counts[model] = counts.get(model, 0) + 1
        return counts


def _two(model: str) -> str:
    return f"{model} has two different answers to one prompt, neither used"
