import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stillwatch.report.charts import BINS, distribution, spark

BAR = re.compile(r"M([\d.]+) (\d+)v-([\d.]+)h([\d.]+)V(\d+)z")


@given(st.lists(st.integers(0, 10**6), max_size=400))
def test_bars_stay_in_the_box_and_show_every_busy_stretch(activity):
    chart = spark(activity, width=360, height=44, bars=90)
    bars = BAR.findall(chart.path)
    sums = [sum(activity[i : i + chart.days]) for i in range(0, len(activity), chart.days)]
    assert len(sums) <= 90
    assert len(bars) == sum(n > 0 for n in sums)
    assert chart.most == max(sums, default=0)
    for left, _, height, width, _ in bars:
        assert 1 <= float(height) <= 44
        assert float(left) + float(width) <= 360.2


def test_days_with_requests_are_counted_not_bars():
    chart = spark([0, 3, 0, 5], bars=2)
    assert (chart.active, chart.days, chart.most) == (2, 2, 5)


@given(hnp.arrays(np.float64, st.integers(0, 200), elements=st.floats(0, 1) | st.just(np.nan)))
def test_every_account_is_in_one_bin_or_counted_as_unscored(p_values):
    made = distribution(p_values, p_values < 0.01)
    assert sum(b.accounts for b in made.bins) == made.scored
    assert made.scored + made.unscored == p_values.size
    assert sum(b.flagged for b in made.bins) == np.sum(p_values < 0.01)
    assert all(tail.seen == np.sum(p_values <= tail.limit) for tail in made.tails)


def test_uniform_p_values_follow_the_expected_line():
    p_values = (np.arange(2000) + 0.5) / 2000
    made = distribution(p_values, np.zeros(2000, bool))
    assert made.expected == pytest.approx(2000 / BINS)
    assert all(abs(b.accounts - made.expected) <= 1 for b in made.bins)
    assert [tail.chance for tail in made.tails] == pytest.approx([200, 20, 2, 0.2])
