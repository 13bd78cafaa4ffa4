"""What a log showed and what it hid: coverage of the optional columns, in numbers and words."""

from datetime import UTC, datetime

import numpy as np

from stillwatch.domain.finding import Coverage
from stillwatch.profiles.estimators import Floats
from stillwatch.profiles.fields import OBSERVED
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.signals import SIGNALS

_LINK_COLUMNS = {
    "client_ip": "accounts cannot be linked by network",
    "tls_fingerprint": "accounts cannot be linked by TLS fingerprint",
    "user_agent": "accounts cannot be linked by user agent",
}


def coverage(profiles: Profiles) -> tuple[Coverage, ...]:
    """Share of all events in which each optional column was present."""
    events = max(1, int(profiles["events"].sum()))
    seen = profiles["observed"].sum(axis=0, dtype=np.int64)
    return tuple(
        Coverage(name, float(count) / events)
        for name, count in zip(OBSERVED, seen.tolist(), strict=True)
    )


def unseen(profiles: Profiles, signals: Floats, has_accounts: bool) -> tuple[str, ...]:
    """Sentences: what could not be measured, and for want of what."""
    present = {c.name for c in coverage(profiles) if c.share > 0}
    sentences = []
    for number, signal in enumerate(SIGNALS):
        if not np.isnan(signals[:, number]).all():
            continue
        missing = [column for column in signal.needs if column not in present]
        if missing:
            sentences.append(
                f"{signal.title}: not measured, the log has no {' or '.join(missing)}."
            )
        elif signal.name == "pivot":
            sentences.append("Moves to a new model: none was released inside the window.")
        else:
            sentences.append(f"{signal.title}: not measured, no account has enough requests.")
    for column, consequence in _LINK_COLUMNS.items():
        if column not in present:
            sentences.append(f"The log has no {column}: {consequence}.")
    if not has_accounts:
        sentences.append(
            "No account records were given (--accounts): sign-ups, payments and devices link "
            "nobody, and agreed exceptions are unknown."
        )
    return tuple(sentences)


def period(profiles: Profiles) -> tuple[datetime, datetime]:
    """First and last request of all profiles."""
    return tuple(  # type: ignore[return-value]
        datetime.fromtimestamp(int(micros) / 1e6, tz=UTC)
        for micros in (profiles["first_seen"].min(), profiles["last_seen"].max())
    )
