"""Detection near real time: a log is followed, and what it shows is judged and decided as it grows.

Glossary
    source      something that grows: a file, a folder, a pipe, a topic
    block       whole lines taken off a source at once
    part        one file on the disk; a log that is rotated has several
    position    where reading goes on, kept with the profiles
    fresh       profiles of events that are not on the disk yet
    window      the days that are kept, merged: what is judged
    generation  one state on the disk: profiles, positions and counts that belong together
    late        an event of a day that has left the window: counted, not kept
    judgement   full: the whole window, judged as ``detect`` would;
                quick: what changed since, by the statistics of the last full one

Rules
    * A position moves with the events before it: both are in the same generation, or neither is.
    * Memory depends on the accounts of the window, never on how fast or how much is written.
    * Nobody is decided against by a reference of a part: a quick judgement takes that of the whole window,
      or waits.
"""
