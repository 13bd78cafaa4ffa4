"""Programs: templated pipelines, nightly batches, publishers, authorised data vendors."""

import pyarrow as pa

from stillwatch.simulation.compose import join, pasted, where
from stillwatch.simulation.identity import AUTHORIZED
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing


def templated(draft: Draft, head: str = "pipe.head", body: str = "pipe.body") -> pa.StringArray:
    """One or two templates that belong to the account, filled anew each time."""
    second = draft.rng.random(len(draft)) < 0.2
    heads = where(second & (draft.variant(80, 3) == 0), draft.own(head, 81), draft.own(head, 82))
    return join(heads, pasted(draft, draft.text(body), 0.35), draft.own("pipe.tail", 83))


def pipeline(draft: Draft) -> pa.StringArray:
    """Templates; with a corpus, a third of the accounts sends real template fillings."""
    made = templated(draft)
    if draft.library.corpus is None:
        return made
    keys = draft.rng.integers(0, 2**63, len(draft)).astype("uint64")
    real = draft.library.grouped("pipe.grouped", draft.account, keys)
    made = where(draft.variant(84, 3) == 0, real, made)
    return where(draft.variant(85, 20) == 0, draft.text("route.full"), made)


def _batch(draft: Draft) -> pa.StringArray:
    return join(
        draft.own("pipe.head", 86),
        pasted(draft, draft.text("passage"), 0.4),
        draft.own("pipe.tail", 86),
    )


def _publish(draft: Draft) -> pa.StringArray:
    return templated(draft, "publish.head", "rewrite.ask")


def _synthesise(draft: Draft) -> pa.StringArray:
    return join(draft.own("synth.head", draft.day // 4), draft.text("pipe.body"))


PIPELINE = Population(
    "templated_pipeline", 6, "one template per account, round the clock", pipeline,
    Rhythm(38, 1.1, (0.9, 1), (0.6, 1.1), ("flat", "cron", "flat", "office")),
    Manner(max_tokens=0.85, limits=(64, 256, 512, 1024, 4096), threads=0.05, logprobs=0.15,
           json=0.55, tools=0.05, stream=0.1, batch=0.05, reasoning=0.2,
           temperatures=(0, 0, 0.2, -1), systems=("", "system.app", "system.plain"),
           output=(40, 500)),
    Standing(("cloud", "cloud", "office", "home"), clients=("sdk",), organised=0.6,
             paths=("self_serve", "enterprise", "startup_programme"), marketplace=0.25,
             adoption=12),
)  # fmt: skip
BATCH = Population(
    "nightly_batch", 2, "a job every night", _batch,
    Rhythm(45, 0.9, (0.85, 1), (0.5, 1.1), ("night", "run")),
    Manner(max_tokens=0.9, threads=0.02, json=0.5, logprobs=0.08, stream=0.02, batch=0.5,
           temperatures=(0, 0, -1), systems=("", "system.app"), output=(60, 500)),
    Standing(("cloud", "office"), clients=("sdk",), organised=0.7, marketplace=0.3,
             paths=("self_serve", "enterprise"), adoption=15),
)  # fmt: skip
PUBLISHER = Population(
    "content_publisher", 3, "sites that rewrite articles", _publish,
    Rhythm(20, 1.0, (0.5, 1), (0.3, 1.1), ("office", "flat", "waking")),
    Manner(max_tokens=0.6, limits=(1024, 2048, 4096), threads=0.2, stream=0.3,
           temperatures=(0.7, 0.9, 1, -1), systems=("", "system.plain", "system.app"),
           output=(300, 1200)),
    Standing(("home", "cloud", "vpn"), clients=("sdk", "browser"), organised=0.3),
)  # fmt: skip
SYNTHETIC = Population(
    "authorized_synthetic", 0.7, "vendors with an agreement to generate data", _synthesise,
    Rhythm(80, 0.8, (0.8, 1), (0.5, 1), ("flat", "office", "run")),
    Manner(max_tokens=0.95, limits=(1024, 2048, 4096), threads=0.05, json=0.5, logprobs=0.1,
           reasoning=0.3, stream=0.05, choices=0.2, batch=0.2, temperatures=(0.7, 1, 1),
           systems=("", "system.app"), output=(300, 1200)),
    Standing(("cloud",), clients=("sdk",), organised=1, paths=("enterprise",), verified=1,
             authorized=AUTHORIZED.index("synthetic_data"), addresses=(1, 8)),
)  # fmt: skip
