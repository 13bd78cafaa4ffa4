import numpy as np
import pytest

from stillwatch.errors import InputError
from stillwatch.provenance.align import align
from stillwatch.provenance.measure import measure
from stillwatch.provenance.panel import make_panel
from stillwatch.provenance.plan import FEATURES, chosen, plan, separation
from tests.panels import answers, gathered


def laid_out(rows, raw):
    panel = make_panel(raw, "t")
    aligned = align(gathered(rows), panel, ())
    return measure(aligned, panel, FEATURES), aligned


def test_prompts_that_everyone_answers_alike_come_last():
    rows, raw = answers()
    dull = {r["prompt"] for r in rows[:8]}
    rows = [{**r, "output": "Yes, it is."} if r["prompt"] in dull else r for r in rows]
    measured, aligned = laid_out(rows, raw)
    asked = plan(measured, aligned, 52)
    assert not dull & {q.prompt for q in asked}
    assert [q.separation for q in asked] == sorted((q.separation for q in asked), reverse=True)
    assert [aligned.prompts[i] for i in chosen(measured, 52)] == [q.prompt_id for q in asked]


def test_one_teacher_per_vendor_is_enough():
    rows, raw = answers()
    raw["reference"] = raw["reference"][::2]
    measured, _ = laid_out(rows, raw)
    assert np.isfinite(separation(measured)).all()


def test_teachers_of_one_vendor_cannot_be_separated():
    rows, raw = answers()
    raw["reference"] = []
    measured, aligned = laid_out(rows, raw)
    with pytest.raises(InputError, match="one vendor"):
        plan(measured, aligned, 50)
