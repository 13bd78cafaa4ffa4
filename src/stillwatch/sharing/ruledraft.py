"""A rule from a campaign: the wording that its accounts have in common, and hardly anyone else.

Rules
    * Phrases are runs of words that the quoted prompts of several accounts hold; what one account
      alone says stays out.
    * The samples are made of the phrases and of sentences of ours: no prompt is quoted whole.
    * The draft is text for a person to read, cut and complete, never sent by itself.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import yaml

from stillwatch.errors import InputError

RUN = 5
"""Fewest words of a phrase."""
_MOST = 8  # phrases of a rule
_LONGEST = 40  # words of a phrase
_LIFE = timedelta(days=90)
_OURS = (
    "The river rises in the hills and reaches the sea after four days.",
    "A baker keeps two kinds of flour and weighs them every morning.",
    "Our train left the station late because of fog in the valley.",
    "She planted the beans in May and counted the leaves each week.",
)
"""Sentences that fill the slot of a scaffold."""
_ORDINARY = (
    ("What is the capital of Portugal?", "Please make my mail to the landlord more polite."),
    ("Write a short poem about autumn leaves.", "How long do I boil an egg that should be soft?"),
)


def common_phrases(prompts: Mapping[str, Sequence[str]], least: int) -> tuple[str, ...]:
    """Runs of at least ``RUN`` words that prompts of ``least`` accounts hold, the widest spread first.

    ``prompts`` are the quoted prompts by account.
    """
    held: Counter[tuple[str, ...]] = Counter(
        chain.from_iterable(
            {run for text in texts for run in _runs(_words(text))} for texts in prompts.values()
        )
    )
    found: dict[tuple[str, ...], int] = {}
    for texts in prompts.values():
        for text in texts:
            for phrase, spread in _stretches(text.split(), held, least):
                found[phrase] = max(spread, found.get(phrase, 0))
    ranked = sorted(found, key=lambda phrase: (-found[phrase] * len(phrase), phrase))
    return tuple(" ".join(phrase) for phrase in _apart(ranked)[:_MOST])


def draft_rule(
    title: str,
    phrases: Sequence[str],
    techniques: Sequence[str],
    share: float,
    measured: tuple[int, float] | None,
    today: date | None = None,
) -> str:
    """The YAML of a rule; ``measured`` is benign accounts and the upper limit of their share.

    Raises ``InputError`` without phrases.
    """
    if not phrases:
        raise InputError(
            "the quoted prompts of the campaign have no wording in common",
            hint="write the rule by hand: docs/how-to/share-a-rule.md",
        )
    today = today or datetime.now(UTC).date()
    ours = {
        "account": {"share": share, "prompts": 2},
        "expires": (today + _LIFE).isoformat(),
    }
    if measured is not None:
        accounts, upper = measured
        ours["measured"] = {"accounts": accounts, "upper": upper, "day": today.isoformat()}
    rule = {
        "title": title,
        "id": str(uuid.uuid4()),
        "status": "experimental",
        "date": today.isoformat(),
        "tags": [f"atlas.{technique.lower()}" for technique in techniques],
        "logsource": {"category": "llm_request"},
        "detection": {"scaffold": {"prompt|contains": list(phrases)}, "condition": "scaffold"},
        "falsepositives": ["Products and public benchmarks that use the same wording."],
        "level": "medium",
        "samples": {
            "match": [_sample(phrases, first) for first in (0, 1)],
            "no_match": [list(sample) for sample in _ORDINARY],
        },
        "stillwatch": ours,
    }
    return yaml.safe_dump(rule, sort_keys=False, allow_unicode=True, width=96)


def _words(text: str) -> list[str]:
    return [word.strip(".,:;!?\"'()[]{}").casefold() for word in text.split()]


def _runs(words: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1))


def _stretches(
    written: Sequence[str], held: Mapping[tuple[str, ...], int], least: int
) -> Iterable[tuple[tuple[str, ...], int]]:
    """The longest stretches of a prompt all of whose runs are common, and how common the least is."""
    words = _words(" ".join(written))
    spreads = [held[run] for run in _runs(words)]
    start = 0
    while start < len(spreads):
        stop = start
        while stop < len(spreads) and spreads[stop] >= least and stop - start + RUN <= _LONGEST:
            stop += 1
        if stop > start:
            yield tuple(written[start : stop + RUN - 1]), min(spreads[start:stop])
        start = max(stop, start + 1)


def _apart(phrases: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Leave out phrases that mostly repeat a better one."""
    kept: list[tuple[str, ...]] = []
    seen: set[tuple[str, ...]] = set()
    for phrase in phrases:
        runs = set(_runs(_words(" ".join(phrase))))
        if len(runs & seen) * 2 < len(runs):
            kept.append(phrase)
            seen |= runs
    return kept


def _sample(phrases: Sequence[str], first: int) -> list[str]:
    """Prompts of an account that runs the scaffold over sentences of ours."""
    turns = enumerate(_OURS[first:] + _OURS[:first], first)
    return [f"{phrases[i % len(phrases)]} {sentence}" for i, sentence in turns]
