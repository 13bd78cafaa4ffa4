"""Phrases that our model and the suspect share and others rarely say, with counts and an example.

Shown to people; the scores rest on the affinities. Phrases that occur in few prompts are topics, not
style, and are left out.
"""

from typing import Final

import numpy as np

from stillwatch.domain.correlation import Phrase
from stillwatch.provenance.affinities.grams import grams
from stillwatch.provenance.affinities.phrases import log_odds, totals
from stillwatch.provenance.affinities.sparse import counts
from stillwatch.provenance.measure import Measured

_ORDERS: Final = (2, 3, 4, 5)
_SPREAD: Final = 4
_Z: Final = 2.0
_AROUND: Final = 60


def distinctive(
    measured: Measured, suspect: int, teacher: int, most: int = 20
) -> tuple[Phrase, ...]:
    """Phrases of 2 to 5 tokens by the smaller of the two z-scores, strongest first."""
    tokens = measured.exhibit.tokens
    matrix, hashes = counts(tokens, _ORDERS, least=6, most=200_000)
    known = totals(matrix, tokens.models, np.ones(tokens.prompts, np.bool_))
    rates = known / known.sum(axis=1, keepdims=True).clip(1)
    others = np.ones(tokens.models, np.bool_)
    others[[suspect, teacher]] = False
    background = rates[others].mean(axis=0)
    z = np.minimum(log_odds(known[teacher], background)[1], log_odds(known[suspect], background)[1])
    place = {int(hashes[i]): i for i in np.argsort(-z)[: 20 * most] if z[i] > _Z}
    found: list[Phrase] = []
    taken: list[str] = []
    words = tokens.lengths.sum(axis=1).clip(1) / 1000
    for at, row, n in _occurrences(measured, suspect, place):
        text = " ".join(tokens.vocabulary[i] for i in tokens.flat[at : at + n])
        shown = text.replace("\n\n", "¶").replace("\n", "↵")
        # a longer phrase says what its parts say
        if any(shown in other or other in shown for other in taken):
            continue
        taken.append(shown)
        mine, theirs = int(known[suspect, row]), int(known[teacher, row])
        controls = float((known[others, row] / words[others]).mean())
        found.append(
            Phrase(
                shown,
                theirs / float(words[teacher]),
                mine / float(words[suspect]),
                controls,
                theirs,
                mine,
                _example(measured, at, n),
            )
        )
        if len(found) == most:
            break
    return tuple(found)


def _occurrences(
    measured: Measured, suspect: int, place: dict[int, int]
) -> list[tuple[int, int, int]]:
    """First token, column and length of each phrase that the suspect says in enough prompts."""
    tokens = measured.exhibit.tokens
    low, high = (
        tokens.starts[suspect * tokens.prompts],
        tokens.starts[(suspect + 1) * tokens.prompts],
    )
    rank = {value: r for r, value in enumerate(place)}
    seen: list[tuple[int, int, int, int]] = []
    wanted = np.fromiter(place, np.uint64, len(place))
    for n in _ORDERS:
        value, at = grams(tokens, n)
        inside = (at >= low) & (at < high)
        value, at = value[inside], at[inside]
        hit = np.isin(value, wanted)
        value, at = value[hit], at[hit]
        for each in np.unique(value):
            where = at[value == each]
            if np.unique(tokens.owner[where]).size >= _SPREAD:
                seen.append((rank[int(each)], int(where[0]), place[int(each)], n))
    return [(at, row, n) for _, at, row, n in sorted(seen)]


def _example(measured: Measured, at: int, n: int) -> str:
    """Give the suspect's words around a phrase, as it wrote them, as far as they can be found again."""
    tokens = measured.exhibit.tokens
    low = max(int(tokens.starts[tokens.owner[at]]), at - 8)
    high = min(int(tokens.starts[tokens.owner[at] + 1]), at + n + 8)
    return " ".join(tokens.vocabulary[i] for i in tokens.flat[low:high]).replace("\n", " ")[
        : 4 * _AROUND
    ]
