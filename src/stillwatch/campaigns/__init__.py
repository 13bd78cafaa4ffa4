"""From accounts to campaigns: blocking, comparison, clustering.

Glossary
    stream      sampled requests of one account that differ but share a skeleton
    skeleton    the phrases (shingles) that recur in a stream
    link        two streams of different accounts, and how alike their skeletons are
    group       streams that links join: one scaffold in several accounts' traffic
    cohesion    what sets one job apart from people with something in common
    key         a hashed thing an account holds: a phrase, an address block, a card
    evidence    what two accounts share, in nats, by how rare it is; shown, it decides nothing

Nothing here decides guilt: a group is a hypothesis that ``detection`` tests.
"""
