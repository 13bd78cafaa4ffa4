"""The lab's side of sharing: what may leave, who released it, what came back and what it is worth.

Glossary
    draft       a claim made from a finding, waiting for review
    publish     sign what was released and post it
    pull        fetch, verify against the log, and keep
    weight      what a received claim counts here, after opinions, expiry and revocation
"""
