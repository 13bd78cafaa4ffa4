"""From accounts to campaigns: blocking, comparison, clustering.

Glossary
    key         a hashed thing an account holds: a skeleton shingle, an address block, a card
    holders     how many accounts hold a key; common things are weak evidence
    link        a pair of accounts with the evidence that they act as one, in nats
    campaign    accounts joined by links; reported only when its pooled evidence passes

Nothing here decides guilt: a cluster is a hypothesis that ``detection`` tests.
"""
