"""Innocent populations: the look-alikes that a detector must leave alone.

Each file holds a population or a small family of them; ``POPULATIONS`` is the register.
"""

from stillwatch.simulation.interface import Population
from stillwatch.simulation.populations.agents import FRAMEWORK
from stillwatch.simulation.populations.developers import DEVELOPER
from stillwatch.simulation.populations.education import CLASSROOM, TUTORING
from stillwatch.simulation.populations.evaluation import HARNESS, JUDGES
from stillwatch.simulation.populations.languages import TRANSLATION
from stillwatch.simulation.populations.people import HOBBY, SEARCH, SHARED_ADDRESS, STAMPEDE
from stillwatch.simulation.populations.pipelines import BATCH, PIPELINE, PUBLISHER, SYNTHETIC
from stillwatch.simulation.populations.research import RED_TEAM, SURVEY
from stillwatch.simulation.populations.services import RESELLER, SUPPORT
from stillwatch.simulation.populations.viral import VIRAL

POPULATIONS: tuple[Population, ...] = (
    HOBBY,
    DEVELOPER,
    CLASSROOM,
    SHARED_ADDRESS,
    HARNESS,
    FRAMEWORK,
    PIPELINE,
    BATCH,
    SUPPORT,
    SEARCH,
    TRANSLATION,
    TUTORING,
    PUBLISHER,
    JUDGES,
    SYNTHETIC,
    RESELLER,
    RED_TEAM,
    VIRAL,
    SURVEY,
    STAMPEDE,
)
"""All populations; an account's ``kind`` is an index into this table."""

NAMES: dict[str, int] = {population.name: i for i, population in enumerate(POPULATIONS)}
"""Index by name."""
