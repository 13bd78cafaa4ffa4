"""Translators and localisation teams."""

import pyarrow as pa

from stillwatch.simulation.compose import by_choice, join
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing

_SOURCES = ("trans.body", "trans.body", "chat.zh", "chat.ru", "chat.es", "chat.de")


def _write(draft: Draft) -> pa.StringArray:
    body = by_choice(draft.variant(95, len(_SOURCES)), _SOURCES, draft.text)
    return join(draft.own("trans.head", draft.day // 5), body)


TRANSLATION = Population(
    "translation_team", 3.5, "translators and localisation teams", _write,
    Rhythm(24, 1.0, (0.5, 1), (0.1, 0.8), ("office", "flat", "run", "cron")),
    Manner(max_tokens=0.6, limits=(512, 1024, 2048), threads=0.25, json=0.2, stream=0.2,
           temperatures=(0, 0.2, 0.3, -1), systems=("", "system.app", "system.plain")),
    Standing(("cloud", "office", "home", "vpn"), clients=("sdk", "browser"), organised=0.5,
             paths=("self_serve", "enterprise")),
)  # fmt: skip
