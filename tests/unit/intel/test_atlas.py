"""Techniques by MITRE's ids; our own names are never passed off as MITRE's."""

from stillwatch.domain.claim import Technique
from stillwatch.intel.atlas import ATLAS, OURS, TECHNIQUES, attack_patterns, references


def test_our_sub_labels_refine_a_technique_of_atlas_and_say_so():
    for entry in TECHNIQUES.values():
        (reference,) = references((entry.id,))
        if entry.id.startswith("AML."):
            assert entry.refines is None
            assert reference["source_name"] == ATLAS
        else:
            assert entry.refines in TECHNIQUES
            assert entry.stix_id is None
            assert reference["source_name"] == OURS
            assert "not of ATLAS" in reference["description"]


def test_an_unknown_name_is_not_mitres():
    assert references((Technique("AML.T9999"),))[0]["source_name"] == OURS
    assert attack_patterns((Technique("AML.T9999"), Technique("AML.T0012"))) == []


def test_a_sub_label_leads_to_the_pattern_it_refines_once():
    names = (Technique("stillwatch.trace-elicitation"), Technique("AML.T0024.002"))
    assert attack_patterns(names) == ["attack-pattern--3f567912-629a-5e0b-ab0c-0102977c2d6c"]
