"""The result directory: what a run leaves behind, written together and read back checked.

::

    out/summary.json       what was read and promised, and the digests of the files below
    out/findings.jsonl     one finding a line, complete, the most severe first
    out/accounts.parquet   one row per account, flagged or not
    out/campaigns.parquet  one row per reported campaign
    out/report.html        all of it for people, in one file

``suspects.json`` beside them is of ``sharing.matching.suspects``, written when these are.

Rules
    - The summary's counts must agree with the findings: a page that contradicts itself is not
      written.
    - A directory of another format version, or one whose files are not of one run, is refused.
"""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.domain.finding import AccountFinding, CampaignFinding, RunSummary
from stillwatch.errors import InputError, StoredDataError
from stillwatch.report import codec
from stillwatch.report.page import render_page
from stillwatch.report.replace import replacing
from stillwatch.report.schema import ACCOUNTS_RESULT_SCHEMA, campaigns_table, conform_accounts

SCHEMA = "stillwatch-result/1"
_SUMMARY, _FINDINGS, _PAGE = "summary.json", "findings.jsonl", "report.html"
_ACCOUNTS, _CAMPAIGNS = "accounts.parquet", "campaigns.parquet"
_DIGESTED = (_FINDINGS, _ACCOUNTS, _CAMPAIGNS)
_RUN_AGAIN = "run `stillwatch detect` again with this directory as --out"


@dataclass(frozen=True, slots=True)
class Result:
    """A result directory, read."""

    directory: Path
    summary: RunSummary
    flagged: tuple[AccountFinding, ...]
    """Flagged and exempt accounts with their evidence, the most severe first."""
    campaigns: tuple[CampaignFinding, ...]
    """The most severe first."""
    digests: Mapping[str, str]
    """SHA-256 in hex of each data file, as the summary recorded it."""

    @property
    def page(self) -> Path:
        """Where the HTML report lies."""
        return self.directory / _PAGE

    def accounts(
        self,
        columns: Sequence[str] | None = None,
        filters: list[tuple[str, str, Any]] | None = None,
    ) -> pa.Table:
        """Read ``accounts.parquet`` now: all of it, or the columns and rows asked for.

        ``filters`` are pyarrow's, e.g. ``[("account_id", "=", "a1")]``. Raises ``StoredDataError``.
        """
        _check_digest(self.directory, _ACCOUNTS, self.digests)
        path = self.directory / _ACCOUNTS
        try:
            if not pq.read_schema(path).equals(ACCOUNTS_RESULT_SCHEMA):
                raise StoredDataError(f"{path} has other columns than expected", hint=_RUN_AGAIN)
            # partitioning=None: a directory called "a=b" must not become a column
            return pq.read_table(path, columns=columns, filters=filters, partitioning=None)
        except (pa.ArrowInvalid, OSError) as error:
            raise StoredDataError(f"{path} cannot be read: {error}", hint=_RUN_AGAIN) from error


def write_result(
    out: Path,
    summary: RunSummary,
    accounts: pa.Table,
    flagged: Sequence[AccountFinding],
    campaigns: Sequence[CampaignFinding],
) -> Result:
    """Write the five files into ``out`` together and return what ``read_result`` would read.

    ``accounts`` has ``ACCOUNTS_RESULT_SCHEMA``; ``flagged`` holds flagged and exempt accounts.
    Whatever fails, an earlier result in ``out`` stays as it was. Raises ``ValueError`` where the
    arguments contradict each other and ``InputError`` where ``out`` cannot be written.
    """
    table = conform_accounts(accounts)
    _check_agreement(summary, table, flagged, campaigns)
    flagged = sorted(flagged, key=codec.severity)
    campaigns = sorted(campaigns, key=codec.severity)
    try:
        with replacing(out, (*_DIGESTED, _PAGE, _SUMMARY)) as staging:
            with ThreadPoolExecutor(1) as beside:  # the table of everybody takes longest
                writing = beside.submit(
                    pq.write_table, table, staging / _ACCOUNTS, compression="zstd"
                )
                (staging / _FINDINGS).write_bytes(codec.dump_lines([*campaigns, *flagged]))
                pq.write_table(campaigns_table(campaigns), staging / _CAMPAIGNS, compression="zstd")
                page = render_page(summary, table, flagged, campaigns)
                (staging / _PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")
                writing.result()
            digests = {name: _digest(staging / name) for name in _DIGESTED}
            (staging / _SUMMARY).write_bytes(_dump_summary(summary, digests))
    except OSError as error:
        raise InputError(
            f"cannot write the result to {out}: {error}",
            hint="nothing of an earlier result was changed; free space or name another directory",
        ) from error
    return Result(out, summary, tuple(flagged), tuple(campaigns), digests)


def read_result(out: Path) -> Result:
    """Read a result directory; the accounts table stays on disk until asked for.

    Raises ``StoredDataError`` where there is no result, it is damaged, or of another version.
    """
    head = _load_head(out)
    digests = head.get("files")
    if not isinstance(digests, dict) or set(digests) != set(_DIGESTED):
        raise StoredDataError(f"{out / _SUMMARY} lists no digests", hint=_RUN_AGAIN)
    _check_digest(out, _FINDINGS, digests)
    try:
        summary = codec.decode(RunSummary, head, _SUMMARY)
        lines = (out / _FINDINGS).read_bytes().splitlines()
        found = [codec.load_line(line, f"{_FINDINGS}:{i}") for i, line in enumerate(lines, 1)]
    except ValueError as error:
        raise StoredDataError(f"{out} is damaged: {error}", hint=_RUN_AGAIN) from error
    return Result(
        directory=out,
        summary=summary,
        flagged=tuple(f for f in found if isinstance(f, AccountFinding)),
        campaigns=tuple(f for f in found if isinstance(f, CampaignFinding)),
        digests=digests,
    )


def _check_agreement(
    summary: RunSummary,
    accounts: pa.Table,
    flagged: Sequence[AccountFinding],
    campaigns: Sequence[CampaignFinding],
) -> None:
    in_table = int(accounts["flagged"].combine_chunks().true_count)
    in_findings = sum(finding.flagged for finding in flagged)
    if not summary.flagged == in_table == in_findings:
        raise ValueError(
            f"flagged accounts: summary says {summary.flagged}, the accounts table {in_table}, "
            f"the findings {in_findings}"
        )
    if summary.campaigns != len(campaigns):
        raise ValueError(f"summary says {summary.campaigns} campaigns, {len(campaigns)} given")
    if stray := [f.account_id for f in flagged if not f.flagged and f.exempt is None]:
        raise ValueError(f"{len(stray)} findings are neither flagged nor exempt, e.g. {stray[0]!r}")


def _dump_summary(summary: RunSummary, digests: Mapping[str, str]) -> bytes:
    head = {"schema": SCHEMA, **codec.record(summary), "files": dict(digests)}
    return orjson.dumps(head, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _load_head(out: Path) -> dict[str, Any]:
    path = out / _SUMMARY
    try:
        head = orjson.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        hint = "name the --out directory of a `stillwatch detect` run"
        raise StoredDataError(f"{out} holds no result (no {_SUMMARY})", hint=hint) from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise StoredDataError(f"{path} cannot be read: {error}", hint=_RUN_AGAIN) from error
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema != SCHEMA:
        raise StoredDataError(f"{path} is {schema!r}, this version reads {SCHEMA}", hint=_RUN_AGAIN)
    return dict(head)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_digest(out: Path, name: str, digests: Mapping[str, str]) -> None:
    try:
        found = _digest(out / name)
    except OSError as error:
        raise StoredDataError(f"{out / name} cannot be read: {error}", hint=_RUN_AGAIN) from error
    if found != digests[name]:
        message = f"{out / name} is not the file that {_SUMMARY} describes"
        raise StoredDataError(message, hint=_RUN_AGAIN)
