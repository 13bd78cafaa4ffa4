"""Signatures, canonical JSON, the log's mathematics, the threshold OPRF: bytes in, bytes out.

Glossary
    key         an Ed25519 key pair; its id is the RFC 7638 thumbprint of the public half
    leaf        48 bytes of the log: digest of a record and its audience tag
    frontier    the roots of the complete subtrees of a tree, all that appending needs
    checkpoint  size and root of the tree, signed as a C2SP note
    tile        256 hashes of one level, served as a static file (C2SP tlog-tiles)
    element     a point of ristretto255, 32 bytes; a scalar is what it is multiplied by
    share       an evaluator's part of a key that nobody holds; its public half proves answers
    quorum      the evaluators that answer one request together
    epoch       a key, who holds its shares, and its days; a refresh of shares is a generation
"""
