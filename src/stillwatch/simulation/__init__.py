"""Worlds with known truth: innocent populations, hostile campaigns, and their request logs.

No labelled log of a real campaign is public, so detectors are built and measured on simulated
ones. ``simulate`` writes a world; ``populations`` and ``tactics`` are the registers of who lives
in it. ``interface`` holds the glossary.
"""

from stillwatch.simulation.interface import SimulationOptions
from stillwatch.simulation.populations import POPULATIONS
from stillwatch.simulation.tactics import TACTICS
from stillwatch.simulation.world import WorldSummary, simulate

__all__ = ["POPULATIONS", "TACTICS", "SimulationOptions", "WorldSummary", "simulate"]
