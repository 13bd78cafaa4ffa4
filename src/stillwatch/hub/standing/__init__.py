"""How much a claim weighs: what distinct members say about it, and what happened to it.

Standing is derived: from the claims in the order of the log, from appeals, from suspensions and
from the clock. It can be thrown away and followed anew.

Glossary
    voice       a member's newest opinion or sighting of a claim, whatever name it used
    confirm     agrees with evidence of its own, or has seen it
    agree       agrees without
    dispute     disagrees
    refute      strongly disagrees
    state       what a claim's readers must know: see ``tally.State``
"""
