"""Request settings: what innocents leave to their tools, and how far a campaign varies its own.

A detector that knows a job by its settings is beaten by any job that varies them, and accuses
innocents who use one tool. So worlds hold both: populations whose members mostly send what their
library sends by default, and campaigns that hold to their settings in one of five ways.

    one      most accounts run one tool with one configuration
    few      two to four configurations, dealt out to the accounts
    account  every account has its own
    request  every conversation has those of a random account of the campaign
    default  the defaults of a common library, as innocents send them
"""

import numpy as np

from stillwatch.simulation.interface import STYLE, Bools, CampaignPlan, Floats, Ints, Rows
from stillwatch.simulation.keys import Keys, mix, pick
from stillwatch.simulation.populations import POPULATIONS
from stillwatch.simulation.recruit import styles_of

WAYS = ("one", "few", "account", "request", "default")
"""How a campaign holds to its settings; drawn evenly."""

_LOYAL = 0.7  # share of a campaign's accounts that run the common tool
_HABIT = (0.0, 0.8)  # share of a population's accounts that keep their library's defaults
_SPREAD = (0.0, 0.6)  # log deviation of the length of answers between the accounts of a campaign
_OWN = ("threads", "system", "system_key", "tools_p", "tools", "output")
"""What a library's defaults leave to the application."""


def _defaults() -> Rows:
    """What common libraries send when nobody tells them otherwise."""
    rows = np.zeros(5, dtype=STYLE)
    rows["temperature"], rows["top_p"] = (-1.0, -1.0, -1.0, 0.7, 0.0), -1.0
    rows["max_tokens"] = (0, 0, 1024, 4096, 1024)
    rows["max_tokens_p"] = rows["max_tokens"] > 0
    rows["stream"] = (0.0, 1.0, 0.0, 1.0, 0.0)
    return rows


DEFAULTS = _defaults()


def ordinary_styles(rng: np.random.Generator, accounts: Rows) -> Rows:
    """Style rows of ordinary requests."""
    styles = np.zeros(len(accounts), dtype=STYLE)
    for kind, population in enumerate(POPULATIONS):
        mine = accounts["kind"] == kind
        own = styles_of(rng, population.manner, accounts["key"][mine])
        habit = rng.random(len(own)) < rng.uniform(*_HABIT)
        favourite = int(rng.integers(len(DEFAULTS)))
        own["output"] = _drawn_together(own["output"], float(rng.random()))
        styles[mine] = _with_defaults(own, habit, np.full(len(own), favourite))
    return styles


def job_styles(
    rng: np.random.Generator, accounts: Rows, plans: list[CampaignPlan], styles: Rows
) -> Rows:
    """Style rows of campaign requests; those of ordinary ones (``styles``) for innocents."""
    jobs = styles.copy()
    for drawn in plans:
        mine = accounts["campaign"] == drawn.number
        own = styles_of(rng, drawn.target.manner, accounts["key"][mine])
        n = len(own)
        rows = own.copy()
        if drawn.settings == "one":
            rows = np.where(rng.random(n) < _LOYAL, np.repeat(own[:1], n), own)
        if drawn.settings == "few":
            rows = own[rng.integers(0, min(n, int(rng.integers(2, 5))), n)]
        if drawn.settings == "default":
            rows = _with_defaults(
                own, np.ones(n, dtype=np.bool_), np.full(n, rng.integers(len(DEFAULTS)))
            )
        # What is asked decides how long answers run, more than the settings do.
        rows["output"] = own["output"][:1] * rng.lognormal(0.0, rng.uniform(*_SPREAD), n)
        # An account that reports conversations does so in its job as well, mostly.
        keep = rng.random(n) < 0.7
        rows["threads"] = np.where(keep, styles["threads"][mine], rows["threads"])
        jobs[mine] = rows
    return jobs


def lenders(accounts: Rows, plans: tuple[CampaignPlan, ...], account: Ints, thread: Keys) -> Ints:
    """Whose job settings each campaign request has: its account's, or a random sister's."""
    lender = account.copy()
    for drawn in plans:
        if drawn.settings == "request":
            troop = np.flatnonzero(accounts["campaign"] == drawn.number)
            asked = accounts["campaign"][account] == drawn.number
            lender[asked] = troop[pick(mix(thread[asked], 4), len(troop))]
    return lender


def _drawn_together(values: Floats, alike: float) -> Floats:
    """Draw values to their geometric mean: people who ask one thing get answers of like length."""
    logs = np.log(values)
    return np.asarray(np.exp(logs + alike * (logs.mean() - logs))) if len(values) else values


def _with_defaults(own: Rows, habit: Bools, number: Ints) -> Rows:
    rows = np.where(habit, DEFAULTS[number], own)
    for name in _OWN:
        rows[name] = own[name]
    return rows
