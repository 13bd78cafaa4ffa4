"""Profiles kept by day: each file is read once, a window slides, a run that is repeated changes nothing.

Glossary
    run         files that were read together, and their profiles by day; the unit that is redone
    manifest    every file that was ever read: size, digest, when
    window      the newest days, merged: what is judged
    late        an event of a day that has left the window: counted, not kept

What is promised
    * A file counts once: under any name, however often it is offered, whenever the process died.
    * A file that was replaced counts as it is now: its run is read again, whole.
    * Days are those of the events, not of the files: what arrives late goes to its own day.
    * Events that occur in two different files count twice. Sums cannot know; the samples can, and
      the share of such events is estimated and told.
"""
