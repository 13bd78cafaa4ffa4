"""Cases for a policy from what commands are given: a result, account records, leads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer

from stillwatch.domain.lead import Evidence, Lead, Step
from stillwatch.errors import InputError

if TYPE_CHECKING:
    from stillwatch.gateway.policy.case import Case
    from stillwatch.report.result import Result

PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", help="Policy file, or standard or cautious. [standard]"),
]
Accounts = Annotated[
    Path | None,
    typer.Option(
        "--accounts", help="Account records (Parquet, CSV or JSONL): access path, tier ..."
    ),
]
Leads = Annotated[
    Path | None,
    typer.Option("--leads", help="Leads that `stillwatch screen --customers` wrote (JSONL)."),
]
_COLUMNS: Final = (
    "account_id", "access_path", "spend_tier", "verified", "authorized_use", "signup_ip",
    "organization_name",
)  # fmt: skip
_MOST_LINE: Final = 1_000_000
"""Bytes of one lead."""


@dataclass(frozen=True, slots=True)
class Found:
    """Cases, and the log that they are of."""

    cases: tuple["Case", ...]
    accounts: int
    events: int
    unusable: tuple[str, ...]
    """Accounts whose ids cannot be subjects of a decision."""


def cases(result: Path | None, accounts: Path | None, leads: Path | None) -> Found:
    """All cases. Raises ``InputError`` and ``StoredDataError``."""
    from stillwatch.gateway.policy.cases import case_of_lead, corroborated  # noqa: PLC0415
    from stillwatch.report.result import read_result  # noqa: PLC0415 - it loads pyarrow

    if result is None and leads is None:
        raise InputError(
            "nothing to decide about", hint="name --from RESULT, --leads FILE, or both"
        )
    said = read_leads(leads) if leads else {}
    unusable = list[str]()
    read = read_result(result) if result else None
    found = list(_of_result(read, accounts, unusable)) if read else []
    known = {account for case in found for account in case.touched}
    found = list(corroborated(found, said))
    for name, lead in said.items():
        try:
            found += [] if name in known else [case_of_lead(lead, "account")]
        except InputError:
            unusable.append(name)
    return Found(
        tuple(found),
        read.summary.accounts if read else 0,
        read.summary.events if read else 0,
        tuple(unusable),
    )


def _of_result(read: "Result", accounts: Path | None, unusable: list[str]) -> "Iterator[Case]":
    from stillwatch.gateway.policy.cases import Run, cases_of_findings, run_name  # noqa: PLC0415

    members = sorted({str(name) for one in read.campaigns for name in one.accounts})
    wanted = sorted({*members, *(str(one.account_id) for one in read.flagged)})
    table = read.accounts(
        ["account_id", "events"], [("account_id", "in", members)] if members else None
    )
    requests = dict(zip(table["account_id"].to_pylist(), table["events"].to_pylist(), strict=True))
    summary = read.summary
    yield from cases_of_findings(
        read.flagged,
        read.campaigns,
        records(accounts, wanted) if accounts else {},
        run_name(read.digests["findings.jsonl"]),
        summary.events,
        of=Run(summary.fdr, summary.accounts, summary.calibration, summary.reference_accounts),
        requests=requests if members else {},
        unusable=unusable,
    )


def records(path: Path, wanted: list[str]) -> Mapping[str, Mapping[str, Any]]:
    """Records of some accounts, by id."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    from stillwatch.logs.accounts import read_accounts  # noqa: PLC0415

    table = read_accounts(path).select(_COLUMNS)
    kept = table.filter(pc.is_in(table["account_id"], pa.array(wanted, pa.string())))
    return {row["account_id"]: row for row in kept.to_pylist()}


def read_leads(path: Path) -> dict[str, Lead]:
    """Leads by subject; none where screening found nobody. Raises ``InputError`` naming the line."""
    found = dict[str, Lead]()
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    lead = _lead(orjson.loads(line[:_MOST_LINE]))
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(
                        f"{path}, line {number} is no lead: {error}",
                        hint="`stillwatch screen --customers FILE --out LEADS` writes them",
                    ) from error
                found[lead.subject] = lead
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return found


def _lead(said: dict[str, Any]) -> Lead:
    """What a policy asks of a lead; the rest of its record is for people."""
    days = ("first_seen", "last_seen", "expires")
    return Lead(
        subject=str(said["subject"]),
        step=Step.named(said["step"]),
        weight=float(said["weight"]),
        why=tuple(map(str, said["why"])),
        evidence=tuple(
            Evidence(**{**one, **{day: date.fromisoformat(one[day]) for day in days}})
            for one in said["evidence"]
        ),
        screened=bool(said["screened"]),
    )
