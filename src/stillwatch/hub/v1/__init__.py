"""Governance over HTTP: keys, the caller's own account, standing and appeals.

Rules: a route parses, calls one function within one transaction, and answers; errors are TAXII
error messages (``hub/errors.py``). No answer names the holder of a pseudonym, or who brought an
appeal, or who stands behind a count.
"""
