"""Documents damaged anywhere, in any way, are refused with an error of ours or mean the same."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.crypto.ceremony.commits import check_commits
from stillwatch.crypto.ceremony.deals import complain, judge, read_deal
from stillwatch.crypto.ceremony.plan import Plan
from stillwatch.crypto.epoch_document import check
from stillwatch.crypto.ristretto import random_scalar
from stillwatch.crypto.sealed import LEAST, describe_share, seal_share
from stillwatch.crypto.threshold import KeyShare
from stillwatch.errors import StillwatchError
from tests.ceremonies import ceremony, to
from tests.epochs import dealt_epoch

HELD = ceremony()
COMMITS = HELD.commits()
CHECKED = check_commits(HELD.plan, COMMITS)
DEAL = to(HELD.deals(CHECKED), 1)[0]
ACCUSER = HELD.people[0]
COMPLAINT = complain(
    CHECKED, ACCUSER.seat, HELD.keys[0], read_deal(CHECKED, DEAL), ACCUSER._box()[1]
)
DEALT = dealt_epoch()
FILE = json.loads(seal_share(KeyShare(1, random_scalar()), b"five random words", cost=LEAST))
READERS = {
    "epoch": (DEALT.document, lambda value: check(value, DEALT.known)),
    "plan": (HELD.plan.to_json(), Plan.from_json),
    "commit": (COMMITS[1], lambda v: check_commits(HELD.plan, [COMMITS[0], v, COMMITS[2]])),
    "deal": (DEAL, lambda value: read_deal(CHECKED, value)),
    "complaint": (COMPLAINT, lambda value: judge(CHECKED, value)),
    "sealed": (FILE, lambda value: describe_share(json.dumps(value).encode())),
}
SIGNED = ("commit", "deal", "complaint", "epoch")
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(max_size=50)
)
anything = st.recursive(
    leaves, lambda more: st.lists(more, max_size=3) | st.dictionaries(st.text(max_size=9), more, max_size=3)
)  # fmt: skip


def places(value, before=()):
    """Paths to everything in a document."""
    yield before
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in items:
        if isinstance(part, dict | list):
            yield from places(part, (*before, name))
        else:
            yield (*before, name)


def damaged(document, path, value):
    if not path:
        return value
    changed = copy.deepcopy(document)
    at = changed
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return changed


@settings(max_examples=200)
@given(st.sampled_from(sorted(READERS)), st.data(), anything)
def test_damage_anywhere_is_refused_or_changes_nothing(kind, data, value):
    document, reader = READERS[kind]
    changed = damaged(document, data.draw(st.sampled_from(list(places(document)))), value)
    try:
        result = reader(changed)
    except StillwatchError:
        return
    if kind in SIGNED:
        assert result == reader(document)


@pytest.mark.parametrize("kind", SIGNED)
@given(data=st.data(), value=st.text(alphabet="abcAB01_-", min_size=1, max_size=50))
def test_what_is_signed_cannot_be_changed_at_all(kind, data, value):
    document, reader = READERS[kind]
    path = data.draw(st.sampled_from([p for p in places(document) if p]))
    changed = damaged(document, path, value)
    if changed == document:
        return
    with pytest.raises(StillwatchError):
        reader(changed)
