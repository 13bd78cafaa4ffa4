"""What a log showed and what it hid."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from stillwatch.profiles.coverage import coverage, period, unseen
from stillwatch.profiles.fields import OBSERVED
from stillwatch.profiles.merge import Profiles, empty
from stillwatch.profiles.signals import SIGNALS, Reference, measure
from tests.profiling import families, profiled
from tests.support import START, event


def said(profiles: Profiles, *, has_accounts: bool = True) -> tuple[str, ...]:
    names = families().names
    reference = Reference.learn(profiles, np.arange(profiles.size), names, names[:1])
    return unseen(profiles, measure(profiles, reference), has_accounts)


def log(n: int = 20, **values: Any) -> Profiles:
    return profiled([event(i, **values) for i in range(n)]).profiles


def test_coverage_is_a_share_of_all_events() -> None:
    rows = [event(i, account_id=f"a{i % 3}") for i in range(20)]
    for row in rows[:5]:
        row["client_ip"] = "192.0.2.1"
    shares = {c.name: c.share for c in coverage(profiled(rows).profiles)}
    assert list(shares) == list(OBSERVED)
    assert shares.pop("client_ip") == pytest.approx(0.25)
    assert set(shares.values()) == {0.0}


def test_coverage_of_nothing() -> None:
    assert {c.share for c in coverage(empty(0))} == {0.0}


@pytest.mark.parametrize("signal", [s for s in SIGNALS if s.needs], ids=lambda s: s.name)
def test_every_signal_without_its_column_is_named(signal: Any) -> None:
    sentences = [s for s in said(log()) if s.startswith(f"{signal.title}: not measured")]
    assert len(sentences) == 1
    assert all(column in sentences[0] for column in signal.needs)


def test_a_present_column_is_not_called_missing() -> None:
    sentences = said(log(client_ip="192.0.2.1", turn=0))
    assert not [s for s in sentences if "client_ip" in s or "has no turn" in s]
    assert [s for s in sentences if "tls_fingerprint" in s]


def test_too_few_requests_is_another_reason_than_no_column() -> None:
    sentences = said(log(3, turn=0))
    assert "No follow-up questions: not measured, no account has enough requests." in sentences


def test_absent_account_records_are_said() -> None:
    assert "--accounts" in " ".join(said(log(), has_accounts=False))
    assert "--accounts" not in " ".join(said(log(), has_accounts=True))


def test_period_is_the_first_and_last_instant() -> None:
    times = [START.replace(microsecond=123457), START.replace(day=9, second=59)]
    rows = [event(i, account_id=f"a{i}", timestamp=t) for i, t in enumerate(times)]
    assert period(profiled(rows).profiles) == tuple(times)
    assert period(profiled(rows).profiles)[0] == datetime(2026, 3, 2, 0, 0, 0, 123457, tzinfo=UTC)
