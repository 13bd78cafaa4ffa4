"""People who chat: at home, behind one shared address, in search style, at a release."""

import numpy as np
import pyarrow as pa

from stillwatch.simulation.compose import by_choice, casual, pasted, where, with_follow_ups
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing
from stillwatch.simulation.keys import mix, pick, unit
from stillwatch.simulation.lexicon.everyday import TOPICS

_TONGUES = ("", "chat.zh", "chat.ru", "chat.es", "chat.de")
_ASK = tuple(f"ask.{topic}" for topic in TOPICS)


def chat(draft: Draft) -> pa.StringArray:
    """Questions on the two or three subjects a person cares about, in their own language."""
    first = draft.text("chat")
    if not draft.library.real("chat"):
        favourite = pick(mix(draft.account, 60 + int(draft.rng.integers(0, 2))), len(_ASK))
        keen = draft.rng.random(len(draft)) < 0.7
        first = where(keen, by_choice(favourite, _ASK, draft.text), first)
    first = where(draft.rng.random(len(draft)) < 0.08, draft.text("persona"), first)
    foreign = np.where(unit(mix(draft.account, 62)) < 0.2, draft.variant(63, 4) + 1, 0)
    first = by_choice(foreign, _TONGUES, lambda rule: draft.text(rule) if rule else first)
    return casual(draft, pasted(draft, with_follow_ups(draft, first), 0.12))


def work(draft: Draft) -> pa.StringArray:
    """Office life: mails, minutes, slides, and now and then something else."""
    aside = draft.rng.integers(0, 5, len(draft))
    rules = ("office.ask", "office.ask", "office.ask", "chat", "news.ask")
    asked = pasted(draft, by_choice(aside, rules, draft.text), 0.25)
    return casual(draft, with_follow_ups(draft, asked), 0.15)


def search(draft: Draft) -> pa.StringArray:
    """Keywords instead of sentences."""
    return casual(draft, draft.text("search"), 0.8)


def newcomers(draft: Draft) -> pa.StringArray:
    """What people try on a new model: puzzles, code, poems."""
    rules = ("puzzle", "chat", "code.ask", "seed.write", "persona")
    first = by_choice(draft.rng.integers(0, 5, len(draft)), rules, draft.text)
    return with_follow_ups(draft, pasted(draft, first, 0.12))


HOBBY = Population(
    "hobby_chat", 30, "people who chat a few times a week", chat,
    Rhythm(9, 1.0, (0.3, 0.95), (0.8, 1.3), ("evening", "waking"), turns=2.6),
    Manner(max_tokens=0.1, threads=0.85, stream=0.8, reasoning=0.25),
    Standing(("home", "home", "mobile", "vpn"), adoption=7),
)  # fmt: skip
SHARED_ADDRESS = Population(
    "shared_address", 9, "colleagues and students behind one address", work,
    Rhythm(10, 0.9, (0.5, 0.95), (0.05, 0.5), ("office", "waking"), turns=2.0),
    Manner(max_tokens=0.15, threads=0.8, stream=0.7),
    Standing(("campus", "office", "office", "vpn"), group=25, paths=("self_serve", "enterprise"),
             organised=0.6, shared_card=0.4),
)  # fmt: skip
SEARCH = Population(
    "search_style", 5, "people who type keywords", search,
    Rhythm(10, 1.0, (0.3, 0.95), (0.7, 1.2), ("waking", "evening")),
    Manner(threads=0.5, stream=0.6, output=(60, 250)),
)  # fmt: skip
STAMPEDE = Population(
    "release_stampede", 4, "people who come for a new model on its first day", newcomers,
    Rhythm(14, 0.9, (0.4, 0.95), (0.7, 1.2), ("waking", "evening"), turns=1.8),
    Manner(max_tokens=0.2, threads=0.6, reasoning=0.4, output=(200, 900)),
    Standing(("home", "mobile", "vpn"), clients=("browser", "sdk"), age=(-9, 300), adoption=0.4),
)  # fmt: skip
