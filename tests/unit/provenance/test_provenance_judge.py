import numpy as np
import pytest

from stillwatch.errors import ConfigError
from stillwatch.provenance.combine import shipped
from stillwatch.provenance.correlate import CorrelateOptions, choose_suspects, correlate
from stillwatch.provenance.demands import Demands, PanelTooSmall
from stillwatch.provenance.judge import JudgeOptions, judge
from stillwatch.provenance.panel import make_panel
from tests.panels import answers, gathered


def told(measured, panel, suspect, **options):
    return judge(measured, panel, shipped(), suspect, JudgeOptions(draws=100, **options))[0]


def test_a_student_mirrors_its_teacher_and_a_stranger_does_not(measured, invented):
    _, panel = invented
    student = told(measured, panel, "copycat")
    assert (student.verdict, student.teacher, student.lowered) == ("mirrors", "aurora", ())
    assert student.teachers[0].teacher == "aurora"
    assert student.teachers[0].low < student.teachers[0].score < student.teachers[0].high
    assert told(measured, panel, "bystander").verdict == "no evidence"


def test_the_same_seed_says_the_same(measured, invented):
    _, panel = invented
    assert told(measured, panel, "copycat") == told(measured, panel, "copycat")


def test_phrases_are_those_of_the_teacher(measured, invented):
    phrases = told(measured, invented[1], "copycat").phrases
    assert phrases
    assert all(p.suspect > p.controls and p.teacher > p.controls for p in phrases)


@pytest.mark.parametrize(
    ("bases", "words"),
    [
        ({"copycat": "aurora"}, "built on aurora itself"),
        ({"copycat": "control-00"}, "not named|base control-00"),
    ],
)
def test_a_shared_base_is_looked_at(measured, invented, bases, words):
    import dataclasses
    import re

    panel = dataclasses.replace(invented[1], bases=bases)
    found = told(measured, panel, "copycat")
    if "aurora" in bases.values():
        assert found.verdict == "consistent with"
        assert re.search(words, " ".join(found.lowered))
    else:
        # its base has answers and is no closer to ours than anybody: nothing is lowered
        assert found.verdict == "mirrors"
        assert not any("not ruled out" in limit for limit in found.limits)


def test_a_sibling_within_the_interval_lowers_the_verdict():
    rows, raw = answers()
    rows += [{**r, "model": "sibling"} for r in rows if r["model"] == "copycat"]
    raw["control"].append({"model": "sibling", "cluster": "family"})
    raw["base"] = {"copycat": "llama", "sibling": "llama"}
    result = correlate(gathered(rows), make_panel(raw, "t"), ["copycat"], quick())
    assert result.judged[0].correlation.verdict != "mirrors"


def test_another_vendor_that_is_as_close_lowers_the_verdict():
    rows, raw = answers()
    rows += [{**r, "model": "twin"} for r in rows if r["model"] == "aurora"]
    raw["reference"].append({"model": "twin", "vendor": "elsewhere"})
    result = correlate(gathered(rows), make_panel(raw, "t"), ["copycat"], quick())
    found = result.judged[0].correlation
    assert found.verdict in ("consistent with", "no evidence")
    assert any("twin" in why for why in found.lowered)


def quick(**options):
    return CorrelateOptions(judge=JudgeOptions(draws=60, **options))


def test_a_small_panel_is_refused_with_what_is_missing():
    rows, raw = answers(prompts=40, controls=10)
    raw["reference"] = raw["reference"][:3]
    with pytest.raises(PanelTooSmall) as error:
        correlate(gathered(rows), make_panel(raw, "t"), ["copycat"], quick())
    for words in (
        "40 prompts",
        "10 control models",
        "5 independent clusters",
        "3 reference models",
        "2 vendors",
    ):
        assert words in str(error.value)
    assert error.value.exit_code == 4
    forced = correlate(gathered(rows), make_panel(raw, "t"), ["copycat"], quick(small_panel=True))
    assert forced.judged[0].correlation.verdict != "mirrors"


def test_a_panel_without_ours_or_suspect():
    rows, raw = answers(prompts=2)
    read = gathered(rows)
    with pytest.raises(ConfigError, match="no model of ours"):
        correlate(read, make_panel({**raw, "ours": []}, "t"))
    with pytest.raises(ConfigError, match="suspect and a teacher"):
        choose_suspects(read, make_panel(raw, "t"), ["aurora"])
    assert choose_suspects(read, make_panel(raw, "t"), []) == ("bystander", "copycat")


def test_null_scores_are_of_other_clusters_only(measured):
    scores = measured.scores(shipped())[0]
    null = measured.null(scores, without="cluster-03")
    assert null.clusters == 21
    assert np.isfinite(null.scores).all()
    assert Demands().null_clusters <= null.clusters
