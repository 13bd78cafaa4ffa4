"""The words of the prompt grammar: literal tables, one file per walk of life.

Everything here is our own wording. ``RULES`` is the whole grammar; ``grammar`` explains the
syntax. Lists of phrases are written as one text with bars, which keeps the tables readable.
"""

from stillwatch.simulation.lexicon import (
    code,
    documents,
    everyday,
    languages,
    machines,
    reasoning,
    scaffolds,
    sensitive,
    systems,
)

RULES: dict[str, tuple[str, ...]] = {
    **everyday.RULES,
    **code.RULES,
    **documents.RULES,
    **languages.RULES,
    **machines.RULES,
    **reasoning.RULES,
    **scaffolds.RULES,
    **sensitive.RULES,
    **systems.RULES,
}
