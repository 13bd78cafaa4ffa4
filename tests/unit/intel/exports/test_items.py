from collections import Counter
from datetime import UTC, datetime

import pytest

from stillwatch.domain.claim import Tlp
from stillwatch.errors import InputError
from stillwatch.intel.exports.items import Item, claims, leaving, of_kinds
from tests.claims import examples
from tests.exporting import item, items, marked, said


@pytest.mark.parametrize(
    ("level", "up_to", "leaves"),
    [
        (Tlp.AMBER_STRICT, Tlp.AMBER_STRICT, True),
        (Tlp.AMBER_STRICT, Tlp.AMBER, False),
        (Tlp.AMBER, Tlp.AMBER, True),
        (Tlp.AMBER, Tlp.GREEN, False),
        (Tlp.GREEN, Tlp.GREEN, True),
        (Tlp.GREEN, Tlp.CLEAR, False),
        (Tlp.CLEAR, Tlp.CLEAR, True),
        (Tlp.RED, Tlp.AMBER_STRICT, False),
    ],
)
def test_nothing_goes_farther_than_its_marking(level: Tlp, up_to: Tlp, leaves: bool) -> None:
    kept, stays = leaving([marked(tlp=level)], up_to)
    assert (len(kept), sum(stays.values())) == ((1, 0) if leaves else (0, 1))


def test_a_file_of_red_is_refused() -> None:
    with pytest.raises(InputError, match="TLP:RED"):
        leaving([], Tlp.RED)


@pytest.mark.parametrize("limit", [{"groups": ("cloud",)}, {"recipients": ("beta",)}])
def test_what_names_its_readers_stays_out_of_a_community_file(limit: dict[str, object]) -> None:
    green = marked(tlp=Tlp.GREEN, **limit)
    assert leaving([green], Tlp.GREEN) == ([], Counter({"limited to groups or members": 1}))
    assert leaving([green], Tlp.AMBER_STRICT)[0] == [green]


def test_an_unmarked_object_is_for_ones_own_tools_and_a_broken_marking_for_none() -> None:
    plain = {"type": "domain-name", "id": "domain-name--0", "value": "example.org"}
    assert len(leaving([Item(plain)])[0]) == 1
    assert leaving([Item(plain)], Tlp.AMBER)[0] == []
    assert leaving([Item({**plain, "object_marking_refs": 3})])[0] == []


def test_what_cannot_be_said_in_a_format_is_counted_by_reason() -> None:
    stays = Counter[str]()
    broken = item(examples()["campaign"])
    broken.obj["confidence"] = "high"
    read = claims([Item({"type": "note", "id": "note--0"}), broken, *items()], stays)
    found = of_kinds(read, frozenset({"verdict"}), stays)
    assert [one.kind for one in found] == ["verdict"]
    assert sum(stays.values()) == 1 + 1 + 8


def test_a_revocation_is_in_the_claim_itself() -> None:
    stays = Counter[str]()
    (revoked,) = claims([marked(revoked=True)], stays)
    assert (revoked.state, revoked.ended) == ("revoked", True)
    assert not said("campaign", state="disputed").ended


def test_a_later_change_of_standing_is_a_change() -> None:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert said("campaign", changed=later).changed == later
    earlier = datetime(2020, 1, 1, tzinfo=UTC)
    changed = said("campaign", changed=earlier)
    assert changed.changed == changed.claim.terms.modified
