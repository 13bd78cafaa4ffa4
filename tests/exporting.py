"""Items for the tests of exports."""

from dataclasses import replace
from typing import Any

from stillwatch.domain.claim import Claim
from stillwatch.intel.exports.items import Item, Said
from stillwatch.intel.stix import to_stix
from tests.claims import examples, terms


def item(claim: Claim, **known: Any) -> Item:
    return Item(to_stix(claim), **{"weight": 0.6, "publisher": "alpha", **known})


def items(**known: Any) -> list[Item]:
    """One item of each kind."""
    return [item(claim, **known) for claim in examples().values()]


def said(kind: str, **known: Any) -> Said:
    claim = examples()[kind]
    return Said(item(claim, **known), claim)


def marked(kind: str = "campaign", **changes: Any) -> Item:
    """An item whose claim has other terms."""
    return item(replace(examples()[kind], terms=terms(**changes)))
