"""Back ends with end users of their own: customer support over documents, honest resellers."""

import numpy as np
import pyarrow as pa

from stillwatch.simulation.compose import by_choice, join, pasted, where, with_follow_ups
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing
from stillwatch.simulation.keys import mix, ranks

_QUESTIONS = 4000
"""Questions that customers of one company ask, a few of them very often."""


def _support(draft: Draft) -> pa.StringArray:
    """Popular questions are asked again and again, with and without retrieved passages."""
    rank = ranks(draft.rng, len(draft), _QUESTIONS).astype(np.uint64)
    question = draft.library.text("shop.ask", mix(draft.account, 0xF0) ^ mix(rank, 1))
    context = pasted(draft, draft.text("passage"), 0.5)
    retrieved = join(draft.own("rag.head"), context, draft.own("rag.join"), question)
    return where(draft.variant(90, 2) == 0, retrieved, question)


def _resold(draft: Draft) -> pa.StringArray:
    """A mixture of everything people do."""
    rules = (
        "chat",
        "code.ask",
        "office.ask",
        "pipe.body",
        "persona",
        "homework",
        "search",
        "seed.write",
    )
    first = by_choice(draft.rng.integers(0, len(rules), len(draft)), rules, draft.text)
    return with_follow_ups(draft, pasted(draft, first, 0.2))


SUPPORT = Population(
    "support_back_end", 5, "customer support and document chat with end users", _support,
    Rhythm(32, 1.0, (0.9, 1), (0.4, 1.1), ("waking", "office", "waking"), turns=1.3, gap=60),
    Manner(max_tokens=0.7, limits=(256, 512, 1024), threads=0.5, json=0.2, tools=0.25,
           logprobs=0.05, stream=0.5, temperatures=(0, 0.2, 0.3, -1),
           systems=("system.app", "system.app", ""), output=(60, 300)),
    Standing(("cloud",), clients=("sdk",), organised=0.9, end_users=(40, 3000), marketplace=0.25,
             paths=("self_serve", "enterprise", "startup_programme"), adoption=15),
)  # fmt: skip
RESELLER = Population(
    "honest_reseller", 1.6, "gateways that resell access to many end users", _resold,
    Rhythm(70, 0.9, (0.95, 1), (0.8, 1.1), ("waking", "flat"), turns=1.6),
    Manner(max_tokens=0.5, threads=0.4, json=0.15, tools=0.2, reasoning=0.4, stream=0.7,
           systems=("", "system.plain", "system.framework")),
    Standing(("cloud", "proxy", "cloud"), clients=("sdk",), organised=0.6, end_users=(50, 3000),
             paths=("reseller", "reseller", "self_serve"), group=3, addresses=(2, 10),
             shared_card=0.5, adoption=1.5),
)  # fmt: skip
