"""Every bound on a panel and its answers, in one place.

Answers come from a suspect, and panels from whoever wrote them: nothing in them may use memory or
time without bound, and whatever a bound cuts or refuses is counted and told.

>>> Limits().answer_chars
32768
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is read; text in characters, files in bytes."""

    file_bytes: int = 2 << 30
    """A larger file of answers is refused."""
    json_bytes: int = 512 << 20
    """A larger JSON document (not lines) is refused: it is parsed whole."""
    line_bytes: int = 64 << 20
    """A longer JSON line is refused and counted."""
    panel_bytes: int = 1 << 20
    """A larger panel file is refused."""
    answer_chars: int = 32_768
    """Longer answers are cut here, and counted."""
    answer_tokens: int = 4096
    """Tokens of an answer that are compared."""
    prompt_chars: int = 100_000
    """Longer prompts are cut before they are aligned."""
    name_chars: int = 200
    """Longer model names and prompt ids are refused."""
    models: int = 400
    """More models are refused."""
    prompts: int = 5000
    """Most prompts compared; of more, those that most models answered are kept."""
    rows: int = 2_000_000
    """More rows are refused."""
    told: int = 5
    """Examples kept of each kind of trouble."""
