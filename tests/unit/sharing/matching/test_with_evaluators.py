"""The client against the evaluators' own service, with its ledger and its rules."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from stillwatch.crypto.epoch import Epoch, Evaluator
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import evaluate_input
from stillwatch.crypto.ristretto import random_scalar
from stillwatch.crypto.threshold import unsafe_dealer
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.sharing.matching.evaluators import Evaluators, Manner
from stillwatch.sharing.matching.quorum import NoQuorum
from stillwatch.store.database import Store
from tests.evaluating import MEMBERS
from tests.evaluators import held, running, today


@pytest.mark.filterwarnings("ignore:this machine knows the whole key")
def test_screening_publishing_and_running_out_of_quota(tmp_path: Path) -> None:
    secret = random_scalar()
    dealt = unsafe_dealer(2, 3, secret=secret)
    inputs = [b"v1|email|e1|person%d" % n for n in range(40)]
    due = [evaluate_input(secret, data) for data in inputs]
    with ExitStack() as stack:
        nodes, key = [], SigningKey.generate()
        for share in dealt.shares:
            folder = tmp_path / str(share.index)
            folder.mkdir()
            limits = Limits(daily=250)
            node = stack.enter_context(running(folder, [held(dealt, share.index)], limits))
            node.roster.keys["alpha"] = key
            node.roster.write()
            nodes.append(node)
        seats = tuple(
            Evaluator(s.index, MEMBERS[n], SigningKey.generate().id, nodes[n].url, s.public.element)
            for n, s in enumerate(dealt.shares)
        )
        start = today() - timedelta(days=1)
        epoch = Epoch("e1", 2, seats, dealt.public_key, 0, start, start + timedelta(days=89))
        store = Store(f"sqlite:///{tmp_path}/share.db")
        stack.callback(store.close)
        manner = Manner(canary_rate=0.1, audit_rate=1, patience_s=0)
        tagger = Evaluators(epoch, key, store, tmp_path, manner)
        stack.callback(tagger.close)
        assert tagger.outputs(inputs, proven=True) == due
        assert tagger.outputs(inputs) == due
        tagger.settle(everything=True)
        assert tagger.liars() == set()
        many = [b"v1|email|e1|person%d" % n for n in range(251)]
        with pytest.raises(NoQuorum, match="over quota"):
            tagger.outputs(many)
