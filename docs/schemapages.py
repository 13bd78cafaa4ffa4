"""The reference page of tables that are read and of results that are written."""

import ast
from collections.abc import Iterable, Mapping

import pyarrow as pa
from docs.tables import NOTE, body_of, field_docs, table

from stillwatch.domain import finding
from stillwatch.domain.tables import ACCOUNTS, EVENTS, LABELS, Column
from stillwatch.report.schema import ACCOUNTS_RESULT_SCHEMA, CAMPAIGNS_RESULT_SCHEMA

_ACCOUNTS: Mapping[str, str] = {
    "campaigns": "number of members",
    "CampaignFinding": "account ids of the members",
    "RunSummary": "accounts read",
}
_RESULT_MEANING: Mapping[str, str] = {
    "account_id": "as in the log",
    "members": "account ids",
    "campaign_id": "reported campaign; null for none",
    "events": "requests",
    "first_seen": "earliest request",
    "last_seen": "latest request",
    "score": "higher is worse; comparable within one run",
    "links": "what holds the members together",
    "reasons": "what stands out, strongest first",
    "exemplars": "prompts, cut; these never leave the provider",
    "innocent": "the most plausible innocent explanation, and what would tell them apart",
    "version": "of stillwatch",
    "sources": "what was read, as given",
    "formats": "of the logs read; `profiles` for stored profiles",
    "quarantined": "rows that could not be used",
    "reference_accounts": "accounts that served as reference",
    "flagged": "accounts flagged",
    "campaigns": "campaigns reported",
    "coverage": "`name` and `share` of events with a value, for each optional column",
    "seconds": "wall-clock time of the run",
}
_P_VALUES: Mapping[str, str] = {
    "accounts": "against the reference of like volume; for members of a reported campaign the "
    "campaign's p-value where that is smaller",
    "campaigns": "of the group's cohesion, against natural groups of the same log",
}


def schema() -> str:
    """The page of tables: what is read and what is written."""
    tables = (("accounts", ACCOUNTS_RESULT_SCHEMA), ("campaigns", CAMPAIGNS_RESULT_SCHEMA))
    results = "\n".join(
        f"### {name}.parquet\n\n"
        + table(("column", "type", "meaning"), _result_rows(name, arrow), escape=False)
        for name, arrow in tables
    )
    kinds = (finding.AccountFinding, finding.CampaignFinding, finding.Reason, finding.Link)
    records = "\n".join(f"### {kind.__name__}\n\n{_record(kind)}" for kind in kinds)
    return f"""{NOTE}# Tables

## What is read

Readers turn every log format into these tables. Columns that are not required may be missing
altogether or null in single rows. Times are microseconds in UTC.

### events: one row per request

{_columns(EVENTS)}
### accounts: one row per account, optional (`--accounts`)

{_columns(ACCOUNTS)}
### labels: where truth is known (`stillwatch evaluate --labels`)

{_columns(LABELS)}
## What is written

`accounts.parquet` and `campaigns.parquet` hold no prompt.

{results}
### findings.jsonl

One finding a line. `kind` is `account` or `campaign`; the other fields are those of
`AccountFinding` or `CampaignFinding`.

{records}
### summary.json

`schema` is the version of the layout, `files` the SHA-256 of the three data files; the rest is:

{_record(finding.RunSummary)}"""


def _columns(columns: Iterable[Column]) -> str:
    rows = [
        (
            f"`{c.name}`",
            c.type,
            "yes" if c.required else "",
            c.meaning,
            f"`{c.otel}`" if c.otel else "",
        )
        for c in columns
    ]
    return table(("column", "type", "required", "meaning", "OpenTelemetry"), rows)


def _result_rows(name: str, arrow: pa.Schema) -> list[tuple[str, ...]]:
    meanings = {
        **field_docs(finding.AccountFinding),
        **_RESULT_MEANING,
        "p_value": _P_VALUES[name],
        "accounts": _ACCOUNTS.get(name, ""),
    }
    return [(f"`{f.name}`", _arrow(f.type), meanings[f.name]) for f in arrow]


def _arrow(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_arrow(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "struct: " + ", ".join(f"`{field.name}`" for field in kind)
    return str(kind)


def _record(kind: type) -> str:
    accounts = {"accounts": _ACCOUNTS.get(kind.__name__, "")}
    meanings = {**_RESULT_MEANING, **accounts, **field_docs(kind)}
    rows = [
        (f"`{line.target.id}`", ast.unparse(line.annotation), meanings[line.target.id])
        for line in body_of(kind)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    ]
    return table(("field", "type", "meaning"), rows)
