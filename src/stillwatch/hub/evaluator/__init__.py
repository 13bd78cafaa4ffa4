"""An evaluator: a member's service that answers blinded elements with its share of the key.

It learns which member asks and how often, and nothing of what: elements are blinded. ``app`` is
the whole way of a request; ``shares`` what it holds; ``ledger`` what members may ask; ``audit``
what they asked, as counts; ``members`` who they are. It imports nothing of a lab.

Glossary
    element     a blinded identifier, 32 bytes of ristretto255: one guess
    epoch       a key's 90 days; generation: how often its shares were refreshed within it
    quorum      the evaluators whose answers a client adds up
    charge      elements counted against a member's quota, on disk before the answer
    seal        to put an hour's counts into the chain
"""
