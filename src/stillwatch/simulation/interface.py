"""What a world is made of: accounts, manners of asking, populations, tactics, campaigns.

Populations and tactics are *values*: ranges to draw from and one function that writes text.
Accounts are rows of two numpy records, ``ACCOUNT`` (who, where, when) and ``STYLE`` (how the
requests look). A hostile account is an innocent account (its cover) plus a second style row for
the requests that serve its campaign; nothing but the labels says which is which.

Glossary
    site      what accounts share without acting as one: a campus, an office, a VPN exit
    cover     the part of a hostile account's traffic that looks like its host population
    objective what a campaign wants to extract; decides seeds and scaffold
    scaffold  the wording a job wraps around every seed
    item      number of a prompt in the prompt set that the accounts of a job divide
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.simulation.keys import Keys, fresh, mix, pick
from stillwatch.simulation.library import Library

Rows = npt.NDArray[np.void]
"""Rows of ``ACCOUNT`` or ``STYLE``."""
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Range = tuple[float, float]
"""Drawn uniformly between the two ends."""

NETS = ("home", "mobile", "cloud", "campus", "office", "vpn", "proxy")
CLOCKS = ("evening", "waking", "office", "flat", "night", "lesson", "run", "cron")
PATHS = (
    "self_serve",
    "education",
    "research_programme",
    "startup_programme",
    "enterprise",
    "reseller",
)
SYSTEMS = ("", "system.plain", "system.framework", "system.app")

ACCOUNT = np.dtype(
    [
        ("key", "u8"), ("kind", "u2"), ("campaign", "i4"),
        ("rate", "f4"), ("active", "f4"), ("weekend", "f4"), ("clock", "u1"), ("zone", "i1"),
        ("turns", "f4"), ("gap", "f4"), ("first", "f4"), ("last", "f4"),
        ("site", "u8"), ("addresses", "u2"), ("net", "u1"), ("country", "u1"), ("client", "u1"),
        ("channel", "u1"), ("age", "f4"), ("path", "u1"), ("verified", "?"), ("org", "u8"),
        ("card", "u8"), ("device", "u8"), ("handle", "u8"), ("authorized", "u1"),
        ("banned", "f4"), ("adopt", "f4"), ("new_share", "f4"), ("small", "f4"),
        ("end_users", "u4"),
    ]
)  # fmt: skip
STYLE = np.dtype(
    [
        ("max_tokens_p", "f4"), ("max_tokens", "i4"), ("temperature", "f4"), ("top_p", "f4"),
        ("logprobs", "f4"), ("json", "f4"), ("schema", "?"), ("tools_p", "f4"), ("tools", "i4"),
        ("reasoning", "f4"), ("stream", "f4"), ("choices", "f4"), ("batch", "f4"),
        ("system", "u1"), ("system_key", "u8"), ("output", "f4"), ("threads", "f4"),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """Everything that decides a world; equal options give equal bytes."""

    out: Path
    """Directory to write; must be empty or new."""
    seed: int = 1
    """Seed of every draw."""
    accounts: int = 2000
    """Accounts in all, hostile ones included."""
    days: int = 14
    """Length of the log in UTC days."""
    start: date = date(2026, 3, 2)
    """First day."""
    attack_share: float = 0.075
    """Share of the accounts that belong to a campaign, 0-0.5."""
    volume: float = 1.0
    """Multiplies every account's request rate."""
    pasted: float = 1.0
    """Multiplies the share of prompts that carry pasted text; 20 gives prompts of ~410 bytes on average."""
    campaigns: int | None = None
    """Number of campaigns; None: follows from the number of hostile accounts."""
    tactics: tuple[str, ...] = ()
    """Tactics to use; empty: all, in an order that turns with the seed."""
    cover: float | None = None
    """Share of cover traffic of every campaign, 0-0.95; None: drawn per campaign."""
    noise: float | None = None
    """Paraphrase noise of every campaign, 0-0.6; None: drawn per campaign."""
    settings: str | None = None
    """How every campaign holds to its request settings, one of ``settings.WAYS``; None: drawn."""
    corpus: Path | None = None
    """Directory of real prompts and traces used where suitable; see ``corpus``."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Requests of one population on one day, waiting for their text; arrays of one length."""

    library: Library
    """Source of all text."""
    rng: np.random.Generator
    """For choices that need not last."""
    account: Keys
    """Key of the account: what is mixed from it stays the same for the account's life."""
    site: Keys
    """Key of the site."""
    thread: Keys
    """Key of the conversation."""
    turn: Ints
    """0-based user turn."""
    day: int
    """Day of the log."""

    def __len__(self) -> int:
        return len(self.account)

    def text(self, rule: str) -> pa.StringArray:
        """Text that is new for every request."""
        return self.library.text(rule, fresh(self.rng, len(self)))

    def own(self, rule: str, salt: int = 0) -> pa.StringArray:
        """Text that belongs to the account, the same in all its requests."""
        return self.library.text(rule, mix(self.account, salt))

    def variant(self, salt: int, count: int) -> Ints:
        """A choice of 0 .. count-1 that belongs to the account."""
        return pick(mix(self.account, salt), count)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When an account asks."""

    rate: float
    """Median requests on an active day."""
    spread: float = 0.9
    """Sigma of the log-normal over accounts: volumes are heavy-tailed."""
    active: Range = (0.3, 0.9)
    """Chance that a weekday is active."""
    weekend: Range = (0.3, 1.0)
    """Factor on that chance at weekends."""
    clocks: tuple[str, ...] = ("waking",)
    """Daily curves, of ``CLOCKS``."""
    turns: float = 1.0
    """Mean user turns in a conversation."""
    gap: float = 70.0
    """Median seconds between two turns."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the requests of an account look. Chances are drawn per account."""

    max_tokens: float = 0.3
    """Chance that an account sets it."""
    limits: tuple[int, ...] = (256, 512, 1024, 2048, 4096)
    temperatures: tuple[float, ...] = (-1.0, -1.0, 0.7, 1.0)
    """-1: left to the default, recorded as null."""
    logprobs: float = 0.03
    json: float = 0.1
    tools: float = 0.1
    reasoning: float = 0.2
    stream: float = 0.5
    choices: float = 0.02
    batch: float = 0.0
    threads: float = 0.5
    """Chance that the account's client passes conversation ids."""
    systems: tuple[str, ...] = ("", "system.plain")
    output: Range = (120.0, 500.0)
    """Median answer length in tokens."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who the account is, as sign-up and the edge see it."""

    nets: tuple[str, ...] = ("home", "home", "mobile")
    group: int = 1
    """Mean accounts on one site."""
    addresses: Range = (1, 4)
    clients: tuple[str, ...] = ("browser",)
    paths: tuple[str, ...] = ("self_serve",)
    verified: float = 0.4
    organised: float = 0.1
    """Chance of an organisation; accounts of a site share it."""
    shared_card: float = 0.03
    """Chance that the site pays."""
    age: Range = (5.0, 700.0)
    """Days from sign-up to the first day of the log."""
    end_users: Range = (0, 0)
    marketplace: float = 0.1
    authorized: int = 0
    """Index into ``identity.AUTHORIZED``; 0 for none."""
    adoption: float = 6.0
    """Mean days after a release until a new model is tried."""


@dataclass(frozen=True, slots=True)
class Population:
    """One kind of innocent user."""

    name: str
    weight: float
    """Share of innocent accounts, before normalisation."""
    about: str
    """One line for people."""
    write: Callable[[Draft], pa.StringArray]
    """Writes one prompt per request."""
    rhythm: Rhythm
    manner: Manner = Manner()
    standing: Standing = Standing()


@dataclass(frozen=True, slots=True)
class JobDraft:
    """Requests of one campaign on one day, waiting for their text."""

    library: Library
    set_key: int
    """Key of the prompt set."""
    items: Ints
    """Number of the prompt in the set, one per request."""
    variants: Keys
    """Decides which variation of the scaffold wraps the seed."""


Objective = Callable[[JobDraft], pa.StringArray]
"""Writes the seeds of a job: one text per item, without scaffold."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a campaign is after."""

    name: str
    seeds: Objective
    head: tuple[str, ...]
    """Grammar rules of the scaffold's first part; one is taken per campaign."""
    tail: tuple[str, ...]
    manner: Manner
    """How its requests look; the account's own habits still show."""


@dataclass(frozen=True, slots=True)
class Tactic:
    """One hostile way of working."""

    name: str
    about: str
    targets: tuple[Target, ...]
    """One is drawn per campaign."""
    hosts: tuple[str, ...]
    """Populations whose members the accounts pretend to be, and whose traffic is the cover."""
    rate: Range
    """Requests per account and day, cover included."""
    cover: Range = (0.2, 0.9)
    """Share of cover traffic."""
    noise: Range = (0.0, 0.4)
    """Share of scaffold words that each variation replaces or moves."""
    shared: float = 0.5
    """Chance that the campaign shares addresses, cards and devices."""
    balanced: float = 0.8
    """Chance that a scheduler spreads the job evenly over the accounts."""
    operate: "Callable[[np.random.Generator, Rows, CampaignPlan], None] | None" = None
    """Changes the recruited accounts in place (bans, programmes, bursts ...)."""


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """One campaign, as drawn."""

    campaign_id: str
    number: int
    tactic: str
    target: Target
    key: int
    rate: float
    cover: float
    noise: float
    shared: bool
    balanced: bool
    mimic: bool
    """Whether requests follow the waking hours of each account; else the operator's."""
    duty: float
    """Share of the accounts that work on a given day."""
    zone: int
    """Operator's time zone, hours east."""
    start: float
    """First day of the job, in days of the log."""
    release: float
    """Day on which the new model appears."""
    days: int
    """Length of the log."""
    heads: pa.StringArray
    """Variations of the scaffold's first part."""
    tails: pa.StringArray
    settings: str = "one"
    """How its accounts hold to the request settings, one of ``settings.WAYS``."""
    pivot: bool = False
    """Whether the job moves to the new model within a day of its release."""
    burst: float = 0.0
    """Share of the job's requests that falls into a few hours; 0 for a steady job."""
