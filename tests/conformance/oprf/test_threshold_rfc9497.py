"""The vectors of RFC 9497 answered by shares: no client can tell a quorum from the whole key."""

import itertools
import json
from pathlib import Path

import pytest

from stillwatch.crypto.oprf import Mode, blind, finalize
from stillwatch.crypto.ristretto import Scalar
from stillwatch.crypto.threshold import (
    Quorum,
    UnsafeDealerWarning,
    combine,
    evaluate_share,
    unsafe_dealer,
)

FILE = Path(__file__).with_name("rfc9497_ristretto255.json")
SUITES = json.loads(FILE.read_text())["suites"]
VECTORS = [(suite, vector) for suite in SUITES for vector in suite["vectors"]]


def hexes(values):
    return [bytes.fromhex(value) for value in values]


@pytest.mark.parametrize(("suite", "vector"), VECTORS)
@pytest.mark.parametrize(("threshold", "holders"), [(2, 3), (3, 5)])
def test_every_quorum_gives_the_elements_and_outputs_of_the_rfc(suite, vector, threshold, holders):
    secret = Scalar(bytes.fromhex(suite["skSm"]))
    with pytest.warns(UnsafeDealerWarning):
        shares = unsafe_dealer(threshold, holders, secret=secret).shares
    inputs = hexes(vector["input"])
    given = [Scalar(one) for one in hexes(vector["blind"])]
    blinds, blinded = blind(inputs, Mode(suite["mode"]), blinds=given)
    for chosen in itertools.combinations(shares, threshold):
        quorum = Quorum.of(share.index for share in chosen)
        evaluated = combine([evaluate_share(s, quorum, blinded) for s in chosen], quorum)
        assert evaluated == hexes(vector["evaluationElement"])
        assert finalize(inputs, blinds, evaluated) == hexes(vector["output"])
