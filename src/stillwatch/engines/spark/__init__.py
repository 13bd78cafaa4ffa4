"""The same profiles on a Spark cluster.

Glossary
    split       what one task reads: a file, a part of one, or files that belong together
    partial     what a task makes of a split: a profile of each account that occurs in it
    outcome     what else a split tells: counts, bad rows, names of models
    round       merging the partials of an account that ``fan_in`` splits have at most
    block       some hundred finished profiles as one value, the form in which they come home

Nothing here imports PySpark when it is loaded: it is an optional extra (``stillwatch[spark]``).
Executors run ``task`` and ``merging``, which import no Spark at all; the driver runs the rest.
"""
