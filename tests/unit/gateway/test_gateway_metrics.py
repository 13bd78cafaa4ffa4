"""Figures of workers, added up."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stillwatch.gateway.metrics import BUCKETS, FIGURES, Figures, make_file


def families(figures):
    text = figures.text().decode()
    return {one.name: one for one in text_string_to_metric_families(text)}


def test_workers_are_added_up_and_what_a_dead_one_counted_stays(tmp_path):
    make_file(tmp_path / "f", 2)
    one, other = Figures(tmp_path / "f", 0), Figures(tmp_path / "f", 1)
    for _ in range(3):
        one.add("requests_total", "decide", "200")
    other.add("requests_total", "decide", "200")
    one.mirror(7, "changes_total")
    again = Figures(tmp_path / "f", 0)
    again.add("requests_total", "decide", "200")
    again.mirror(2, "changes_total")
    again.mirror(3, "changes_total")
    other.set(1.5, "knowledge_age_seconds")
    assert other.total("requests_total", "decide", "200") == 5
    assert other.total("changes_total") == 10
    ages = families(again)["stillwatch_gateway_knowledge_age_seconds"].samples
    assert {s.labels["worker"]: s.value for s in ages} == {"0": 0.0, "1": 1.5}


@pytest.mark.parametrize(("seconds", "at"), [(0.0, 0), (BUCKETS[0], 0), (0.0004, 3), (5.0, 11)])
def test_a_time_falls_into_its_bucket_and_all_above(seconds, at):
    figures = Figures()
    figures.observe(seconds, "answer_seconds", "nginx")
    samples = [
        s
        for s in families(figures)["stillwatch_gateway_answer_seconds"].samples
        if s.labels.get("endpoint") == "nginx"
    ]
    buckets = [s.value for s in samples if s.name.endswith("_bucket")]
    assert buckets == [0.0] * at + [1.0] * (len(BUCKETS) + 1 - at)
    assert [s.value for s in samples if not s.name.endswith("_bucket")] == [seconds, 1.0]


def test_every_figure_is_told_and_an_unknown_label_is_not_counted():
    figures = Figures()
    figures.add("requests_total", "decide", "299")
    figures.add("requests_total", "made-up", "200")
    told = families(figures)
    assert {f"stillwatch_gateway_{name.removesuffix('_total')}" for name in FIGURES} == set(told)
    assert sum(s.value for s in told["stillwatch_gateway_requests"].samples) == 0
