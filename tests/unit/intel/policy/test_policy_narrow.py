"""A member's policy refuses more, and can say nothing that would refuse less."""

import pytest
from hypothesis import given, settings

from stillwatch.domain.claim import Tlp
from stillwatch.errors import ConfigError
from stillwatch.intel.policy import check_claim
from stillwatch.intel.policy.narrow import read_narrowing
from stillwatch.intel.stix import to_stix
from tests.claims import TODAY, any_claim, examples

CLAIMS = examples()
TIGHT = """\
kinds: [campaign, infrastructure, opinion]
markings: [amber+strict, red]
bases: [doj-ftc-2014]
purposes: [network-security]
longest_days: 30
without:
  infrastructure: [asns]
  campaign: [evidence, techniques]
"""


def narrowed(tmp_path, text):
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return read_narrowing(path)


def paths(narrowing, kind):
    found = check_claim(to_stix(CLAIMS[kind]), today=TODAY, extra=(narrowing,))
    return [refusal.path.rpartition("3.")[2] or refusal.path for refusal in found]


def test_each_restriction_refuses_by_its_field(tmp_path):
    narrowing = narrowed(tmp_path, TIGHT)
    common = ["object_marking_refs.[0]", "terms.legal_basis.basis", "terms.purpose",
              "terms.valid_until"]  # fmt: skip
    found = {refusal.path.replace(refusal.path.partition("extensions.")[2].partition(".")[0], "")
             for refusal in narrowing(CLAIMS["campaign"])}  # fmt: skip
    assert found == {
        "object_marking_refs.[0]", "extensions..terms.legal_basis.basis",
        "extensions..terms.purpose", "extensions..terms.valid_until",
        "extensions..fields.evidence", "extensions..fields.techniques",
    }  # fmt: skip
    assert paths(narrowing, "sighting")[0] == "type"
    assert len(paths(narrowing, "opinion")) == len(common)
    assert paths(narrowing, "infrastructure")[-1].endswith("fields.asns")


def test_an_empty_file_restricts_nothing(tmp_path):
    narrowing = narrowed(tmp_path, "")
    assert all(paths(narrowing, kind) == [] for kind in CLAIMS)


@given(any_claim())
@settings(deadline=None)
def test_no_file_opens_what_the_shipped_policy_refuses(claim):
    import tempfile
    from pathlib import Path

    obj = {**to_stix(claim), "x_price": 3}
    with tempfile.TemporaryDirectory() as folder:
        narrowing = narrowed(Path(folder), "markings: [clear, green, amber, amber+strict, red]")
    assert check_claim(obj, today=TODAY, extra=(narrowing,)) == check_claim(obj, today=TODAY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fields: {campaign: [price]}", "fields"),
        ("kinds: [campain]", "kinds.0"),
        ("bases: [my-own]", "bases.0"),
        ("without: {campaign: [name]}", "without.campaign.0"),
        ("without: {campaign: [price]}", "without.campaign.0"),
        ("longest_days: 0", "longest_days"),
        ("- a", "the file"),
        ("a: [", "no YAML"),
    ],
)
def test_a_mistake_is_an_error_that_names_it(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        narrowed(tmp_path, text)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_narrowing(tmp_path / "none.yaml")


def test_levels_are_named_as_the_domain_names_them():
    assert {level.value for level in Tlp} == {"clear", "green", "amber", "amber+strict", "red"}
