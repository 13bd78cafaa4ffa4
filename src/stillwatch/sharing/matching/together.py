"""One proof for a whole batch of answers, asked for after they were given.

The client weights what it asked (B) and what came back combined (D) with random numbers that nobody
saw before, has the quorum multiply the weighted sum of B, with proof, and compares with the
weighted sum of D. If any D is not the key times its B, the two differ but for one case in 2^250: the
small-exponent test of Bellare, Garay and Rabin (Eurocrypt 1998), with full-size exponents. That costs two
multiplications an element at the client whatever the quorum, where the batched DLEQ of RFC 9497
costs two for every evaluator and two for each of them to make it.
"""

from collections.abc import Sequence

from stillwatch.crypto.ristretto import BadElement, Element, multiply, random_scalar, total


def weighted(blinded: Sequence[Element], combined: Sequence[Element]) -> tuple[Element, Element]:
    """What to ask for, with proof, and what must come of it.

    Raises ``BadElement`` for answers that cannot be right.
    """
    weights = [random_scalar() for _ in blinded]
    asked = [multiply(one, element) for one, element in zip(weights, blinded, strict=True)]
    due = []
    for place, (one, element) in enumerate(zip(weights, combined, strict=True)):
        try:
            due.append(multiply(one, element))
        except BadElement:
            raise BadElement(place) from None
    return total(asked), total(due)
