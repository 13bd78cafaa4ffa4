"""Signals: each points its way, none grows with volume, and what was not seen is not a number."""

import string
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from stillwatch.detection.scoring import Ordinary, by_group, score, surprises
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.phrases import load_families, shipped_rules
from stillwatch.profiles.signals import NAMES, SIGNALS, Reference, measure
from tests.profiling import profiled
from tests.support import START, event

Row = dict[str, Any]
SUBJECTS = (
    "volcanoes", "contract law", "sourdough bread", "graph databases", "medieval poetry",
    "antibiotics", "football tactics", "interest rates", "Rust lifetimes", "bird migration",
    "opera staging", "chess endgames", "soil chemistry", "jet engines", "tax returns",
    "kanji", "wedding speeches", "knot theory", "solar panels", "dog training",
)  # fmt: skip
FAMILIES = load_families(shipped_rules() / "phrases")
TACTICS = tuple(f.name for f in FAMILIES if f.kind == "tactic")
EVENTS = 60


def person(name: str, seed: int = 0, n: int = EVENTS) -> list[Row]:
    """Sittings in working hours of two weeks; one topic, few questions, one network."""
    rng = np.random.default_rng(seed)
    words = ["oven", "flour", "dough", "crust", "yeast", "crumb", "salt", "steam", "loaf", "proof"]
    questions = [" ".join(rng.choice(words, int(size))) for size in rng.integers(2, 40, 6)]
    rows = []
    for i in range(n):
        day, minute = i * 10 // n, int(rng.integers(0, 50)) + 60 * (9 + i % 2)
        said = questions[int(rng.integers(6))]
        rows.append(
            event(
                i,
                event_id=f"{name}{seed}-{i}",
                account_id=name,
                timestamp=START + timedelta(days=day + 2 * (day // 5), minutes=minute),
                prompt=f"{said}?",
                turn=i % 5,
                conversation_id=f"{name}-{i // 5}",
                max_tokens=4096,
                output_tokens=int(rng.integers(50, 300)),
                choices=1,
                logprobs=False,
                reasoning=False,
                response_format="text",
                client_ip="192.0.2.7",
            )
        )
    return rows


def changed(**values: Callable[[int], Any]) -> Callable[[Row, int], Row]:
    return lambda row, i: {**row, **{name: value(i) for name, value in values.items()}}


def phrases(kind: str, families: int) -> str:
    chosen = [f.phrases[0] for f in FAMILIES if (f.kind == "tactic") == (kind == "tactic")]
    return " ".join(chosen[:families])


TEXTS = ("what now", "что дальше теперь", "接下来做什么呢", "ماذا الآن يا صديقي", "अब क्या करें")
SUSPICIOUS: dict[str, Callable[[Row, int], Row]] = {
    "hour_flatness": changed(timestamp=lambda i: START + timedelta(hours=i * 2.77)),
    "week_flatness": changed(timestamp=lambda i: START + timedelta(hours=i * 2.77)),
    "paced": changed(timestamp=lambda i: START + timedelta(hours=2 * i)),
    "prompt_similarity": changed(prompt=lambda i: f"explain with care and in order what item {chr(97 + i % 26) * 4} means"),
    "skeleton": changed(prompt=lambda i: f"explain with care and in order what item {chr(97 + i % 26) * 4} means"),
    "opening_repetition": changed(prompt=lambda i: f"please write one short note on {SUBJECTS[i % 20]}"),
    "closing_repetition": changed(prompt=lambda i: f"{SUBJECTS[i % 20]}: answer me in at most ten words"),
    "topic_breadth": changed(prompt=lambda i: f"tell me about {SUBJECTS[i % 20]}"),
    "novelty": changed(prompt=lambda i: f"tell me about {SUBJECTS[i % 20]}"),
    "sweep": changed(prompt=lambda i: f"write one long and careful lesson for beginners on {SUBJECTS[i % 20]}"),
    "script_breadth": changed(prompt=lambda i: TEXTS[i % 5]),
    "distance": changed(prompt=lambda i: f"int main(void) {{ return {i}; }} // segfault in malloc, gdb"),
    "tactic_share": changed(prompt=lambda i: f"{phrases('tactic', 1)} {i}"),
    "tactic_mass": changed(prompt=lambda i: f"{phrases('tactic', 3)} {i}"),
    "single_turn": changed(turn=lambda _: 0),
    "fresh_conversations": changed(conversation_id=lambda i: f"own-{i}"),
    "rides_max_tokens": changed(output_tokens=lambda _: 4096),
    "many_choices": changed(choices=lambda _: 4),
    "logprobs": changed(logprobs=lambda _: True),
    "json": changed(response_format=lambda _: "json_object"),
    "reasoning": changed(reasoning=lambda _: True),
    "output_size": changed(output_tokens=lambda _: 3000),
    "pivot": changed(model=lambda i: "m1" if i < 30 else "m2"),
    "rotation": changed(client_ip=lambda i: f"10.{i}.0.1"),
}  # fmt: skip
NEEDED = sorted({column for signal in SIGNALS for column in signal.needs})


def reference(profiles: Profiles, rows: np.ndarray | None = None) -> Reference:
    chosen = np.arange(profiles.size) if rows is None else rows
    return Reference.learn(profiles, chosen, tuple(f.name for f in FAMILIES), TACTICS)


@cache
def crowd() -> list[Row]:
    """Forty ordinary accounts: enough to say what is usual."""
    return [row for k in range(40) for row in person(f"p{k}", seed=k)]


def test_the_table_of_signals_is_sane() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(SIGNALS)
    assert len({signal.title for signal in SIGNALS}) == len(SIGNALS)
    for signal in SIGNALS:
        fields = {field for _, field, _, _ in string.Formatter().parse(signal.sentence) if field}
        assert fields == {"value", "typical"}, signal.name
        assert "nan" in signal.sentence.format(value=0.5, typical=float("nan"))
        assert signal.sentence.endswith((".", "words.")), signal.name
    columns = set(person("a")[0])
    assert set(NEEDED) <= columns, "person() must show every column a signal needs"


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_points_the_suspicious_way(name: str) -> None:
    assert name in SUSPICIOUS, "a new signal needs a pair of accounts here"
    odd = [SUSPICIOUS[name](row, i) for i, row in enumerate(person("odd", seed=99))]
    table = profiled([*odd, *person("ordinary", seed=98), *crowd()[: 10 * EVENTS]])
    others = np.arange(1, len(table))
    column = NAMES.index(name)
    values = measure(table.profiles, reference(table.profiles, others))[:, column]
    sign = 1 if SIGNALS[column].high else -1
    assert not np.isnan(values[0])
    ordinary = values[others][~np.isnan(values[others])]
    assert ordinary.size > 0
    assert (sign * (values[0] - ordinary) > 0).all()


@pytest.mark.parametrize("column", NEEDED)
def test_a_missing_column_is_not_a_number_and_never_raises_the_score(column: str) -> None:
    table = profiled(crowd())
    ref = reference(table.profiles)
    ordinary = Ordinary.learn(measure(table.profiles, ref), np.full(len(table), 1.0 * EVENTS))
    odd = [row for k in range(8) for row in extreme(f"x{k}", seed=50 + k)]
    without = [{name: v for name, v in row.items() if name != column} for row in odd]
    full, partial = (measure(profiled(rows).profiles, ref) for rows in (odd, without))
    for number, signal in enumerate(SIGNALS):
        if column in signal.needs:
            assert not np.isnan(full[:, number]).any(), signal.name
            assert np.isnan(partial[:, number]).all(), signal.name
        else:
            assert np.array_equal(full[:, number], partial[:, number], equal_nan=True), signal.name

    def scored(signals: np.ndarray) -> np.ndarray:
        below = ordinary.below(signals, np.full(8, 1.0 * EVENTS))
        return score(by_group(surprises(below, 1 / 41)))

    assert (scored(partial) <= scored(full)).all()


def extreme(name: str, seed: int) -> list[Row]:
    """Odd in every column at once."""
    harvest = ("single_turn", "fresh_conversations", "rides_max_tokens", "many_choices",
               "logprobs", "json", "reasoning", "rotation")  # fmt: skip
    rows = person(name, seed)
    for signal in harvest:
        rows = [SUSPICIOUS[signal](row, i) for i, row in enumerate(rows)]
    return rows


def test_too_few_events_are_not_a_number() -> None:
    table = profiled([row for k in range(3) for row in person(f"p{k}", k, n=7)])
    assert np.isnan(measure(table.profiles, reference(table.profiles))).all()


def test_no_profiles_have_no_signals() -> None:
    table = profiled(crowd()[:EVENTS])
    assert measure(table.profiles[:0], reference(table.profiles)).shape == (0, len(SIGNALS))


def test_blocks_do_not_show() -> None:
    table = profiled(crowd())
    many = np.tile(table.profiles, 110)  # more than one block of 4096
    ref = reference(table.profiles)
    got = measure(many, ref)
    assert np.array_equal(got, np.tile(measure(table.profiles, ref), (110, 1)), equal_nan=True)


UNBIASED = (
    "prompt_similarity", "opening_repetition", "closing_repetition", "novelty", "script_breadth",
    "distance", "tactic_mass", "single_turn", "rides_max_tokens", "many_choices", "logprobs",
    "json", "reasoning", "output_size",
)  # fmt: skip


def mixed(name: str, seed: int, n: int) -> list[Row]:
    """An account that does each suspicious thing in some of its requests, independently."""
    rng = np.random.default_rng(seed)
    rate = float(rng.uniform(0.2, 0.8))
    rows = person(name, seed, n)
    for signal in ("single_turn", "rides_max_tokens", "many_choices", "logprobs", "json",
                   "reasoning"):  # fmt: skip
        rows = [
            SUSPICIOUS[signal](row, i) if rng.random() < rate else row for i, row in enumerate(rows)
        ]
    for row in rows:
        draw, subject = rng.random(), SUBJECTS[int(rng.integers(20))]
        if draw < rate / 3:
            row["prompt"] = f"write one careful lesson on {subject} {phrases('tactic', 2)}"
        elif draw < rate:
            row["prompt"] = (
                f"{TEXTS[int(rng.integers(5))]} {subject} {int(rng.integers(1_000_000))}"
            )
    return rows


def test_volume_does_not_move_a_signal() -> None:
    """Keep one event in eight of every account: means stay within their sampling error."""
    rng = np.random.default_rng(5)
    rows = [mixed(f"p{k}", k, 96) for k in range(120)]
    thinned = [[own[i] for i in rng.choice(96, 12, replace=False)] for own in rows]
    many, few = (profiled([row for own in which for row in own]) for which in (rows, thinned))
    ref = reference(profiled(crowd()).profiles)
    difference = measure(few.profiles, ref) - measure(many.profiles, ref)
    for name in UNBIASED:
        change = difference[:, NAMES.index(name)]
        error = change.std() / np.sqrt(change.size)
        assert 0 < error < 0.05 * 20, name
        assert abs(change.mean()) < 4.5 * error, (name, change.mean(), error)
