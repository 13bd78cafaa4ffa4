"""A checker of the log from outside; it shares no code with the hub's own.

Its Merkle tree, notes, tiles, signatures and key statements are written a second time here, from
docs/reference/transparency-log.md with hashlib and cryptography alone, so that a fault of the
hub's code does not hide itself. It reads a database by plain SQL, or a running hub over HTTP.

Glossary
    fault       one thing that does not hold: what kind, where, and what differed
    report      what was looked at, and every fault
"""
