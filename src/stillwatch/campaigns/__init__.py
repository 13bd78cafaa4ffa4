"""From accounts to campaigns: blocking, comparison, clustering.

Glossary
    stream      sampled requests of one account that differ but share a skeleton
    skeleton    the phrases (shingles) that recur in a stream
    phrase      a shingle of skeletons that neither few nor many accounts hold
    scaffold    phrases that the same accounts hold
    carrier     an account in which two different prompts hold two phrases of a scaffold each
    group       the carriers of one scaffold, each with the requests that carry it
    cohesion    what sets one job apart from people with something in common
    key         a hashed thing an account holds: a phrase, an address block, a card
    evidence    what two accounts share, in nats, by how rare it is; shown, it decides nothing

Nothing here decides guilt: a group is a hypothesis that ``detection`` tests.
"""
