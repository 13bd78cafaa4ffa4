"""Code names for what has no name: two words of our list and a number.

Rules: a name is drawn from the claim's random id, not from what it names, so it tells nothing and
stays the same through all versions.
"""

import hashlib

from stillwatch.domain.claim import ClaimId
from stillwatch.intel.policy.load import shipped


def code_name(claim: ClaimId) -> str:
    """Code name of a claim, e.g. ``copper-heron-42``; the same for the same id."""
    words = shipped().words
    seed = int.from_bytes(hashlib.sha256(claim.encode()).digest())
    seed, first = divmod(seed, len(words))
    seed, second = divmod(seed, len(words))
    return f"{words[first]}-{words[second]}-{10 + seed % 90}"
