"""The neutral server through which members exchange claims. It holds no lab's code or data.

Glossary
    member      an organisation with a role, tokens and signing keys
    collection  a TAXII collection: of signed claims, or open to any STIX
    grant       what a member may do with a collection
    audience    the members to whom an object is shown, by its marking
    statement   what the log says about a key or a member
    witness     a member whose cosignature says that it saw the same log
"""
