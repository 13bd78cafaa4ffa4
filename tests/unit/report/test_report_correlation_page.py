import numpy as np
import pytest

from stillwatch.domain.correlation import Correlation, PanelSize, TeacherScore
from stillwatch.provenance.correlate import Judged
from stillwatch.report.correlation import finding_of, headline
from stillwatch.report.correlation_page import null_chart, rows


def teacher(name, score, *, ours=False):
    return TeacherScore(
        name, "v", ours, score, score - 0.3, score + 0.3, 0.01, 0.05,
        0.01 if ours else None, 0.05 if ours else None, 1, 30, (("form", 1.0),),
    )  # fmt: skip


@pytest.fixture
def judged():
    told = Correlation(
        "s", "consistent with", "a", 0.01, 0.05, ("why",),
        (teacher("a", 2.0, ours=True), teacher("r", -1.0)), (), 60, ("limit",),
    )  # fmt: skip
    size = PanelSize(40, 60, 9, 4, 34, 17, 200, 80.0, 0.3, 1 / 18, 1 / 81)
    scores = np.linspace(-2, 1, 200)
    return Judged(told, size, scores, np.full(200, 1 / 200))


def test_the_histogram_holds_every_null_pair_and_the_suspect(judged):
    chart = null_chart(judged)
    assert sum(bar.share for bar in chart.bars) == pytest.approx(1)
    assert 0 < chart.low < chart.mark < chart.high < chart.width
    # beyond every null pair, so to the right of every bar that has any
    assert chart.mark > max(bar.x for bar in chart.bars if bar.share)


def test_teachers_share_one_strip(judged):
    first, second = rows(judged.correlation)
    assert first.zero == second.zero
    assert second.mark < second.zero < first.mark
    assert all(0 <= r.low <= r.mark <= r.high <= 100.001 for r in (first, second))


def test_a_finding_says_what_it_rests_on_and_quotes_nothing(judged):
    import datetime

    found = finding_of(
        judged, "d" * 64, "2026-01-01", datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    )
    assert found["floor"] == pytest.approx(1 / 18)
    assert found["created"] == "2026-01-02T00:00:00+00:00"
    assert "phrases" not in found
    assert found["closest"][0]["model"] == "a"


def test_every_verdict_has_its_words(judged):
    assert headline(judged.correlation) == "s is consistent with training on a"
