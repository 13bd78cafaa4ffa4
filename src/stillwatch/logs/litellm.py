"""LiteLLM proxy spend logs: rows of ``LiteLLM_SpendLogs`` as JSON or CSV.

Export the table with ``COPY ... TO ... CSV HEADER``, ``row_to_json`` or the proxy's
``/spend/logs`` endpoint. JSON columns may be objects or JSON text. Prompts are stored only with
``general_settings.store_prompts_in_spend_logs``; they are then in ``proxy_server_request``, and
for some call types in ``messages``.

Account: the proxy's internal user (``user``), to whom keys and budgets belong; without one the
team, else the hashed key. ``default_user_id``, the proxy's administrator, stands for no one.
Sources: LiteLLM documentation, "Getting Started with UI Logs" and "Spend Tracking"; the table in
the proxy's ``schema.prisma``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from stillwatch.logs.bodies import request_fields, response_fields
from stillwatch.logs.csvfile import (
    check_header,
    delimiter_of,
    header_of,
    sample_items,
    text_items,
)
from stillwatch.logs.interface import Reading
from stillwatch.logs.lines import Item, keys_in, looks_like_json, unwrapped
from stillwatch.logs.messages import conversation, parsed
from stillwatch.logs.records import Row, check_sample, record_batches

_NO_ONE: Final = frozenset({"", "default_user_id"})
_NO_TEXT: Final = ("embedding", "image", "transcription", "speech", "rerank", "moderation", "file")
_COLUMNS: Final = frozenset({"request_id", "call_type", "api_key", "spend", "startTime"})
_JSON_COLUMNS: Final = ("metadata", "messages", "response", "proxy_server_request", "request_tags")
_REDACTED: Final = "redacted-by-litellm"
"""What the proxy stores in place of every message if message logging is turned off."""
_AGENT: Final = "User-Agent: "


@dataclass(frozen=True, slots=True)
class LitellmFormat:
    """Reads spend logs of a LiteLLM proxy."""

    name: str = "litellm"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the table's own column names, all of which every export has."""
        del name
        if looks_like_json(head):
            return 0.95 if keys_in(head, _COLUMNS) == len(_COLUMNS) else 0.0
        return 0.95 if set(header_of(head, delimiter_of(head))) >= _COLUMNS else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse an export without prompts or a required column."""
        if not looks_like_json(head):
            check_header(header_of(head, delimiter_of(head)), reading)
        items = (each for item in sample_items(reading, head) for each in _records(item))
        check_sample(reading, [_row(item) for item in items if not _other(item)])

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches; calls that generate no text are skipped and counted."""
        return record_batches(reading, _rows(reading))


def _rows(reading: Reading) -> Iterator[Row]:
    for item in text_items(reading):
        for record in _records(item):
            other = _other(record)
            if other:
                reading.skip(f"call type {other}")
            else:
                yield _row(record, reading.options.limits.depth)


def _records(item: Item) -> Iterable[Item]:
    """Unwrap an answer of the proxy's API."""
    return (item,) if "request_id" in item.value else unwrapped(item)


def _other(item: Item) -> str:
    """Return the call type of a call that generates no text, else nothing."""
    call = str(item.value.get("call_type") or "")
    return call if any(word in call for word in _NO_TEXT) else ""


def _row(item: Item, depth: int = 64) -> Row:
    record = {**item.value, **{name: parsed(item.value.get(name)) for name in _JSON_COLUMNS}}
    metadata = record["metadata"] if isinstance(record["metadata"], dict) else {}
    values = _requested(record, depth)
    told = response_fields(record["response"] or None, depth)
    tokens = (record.get("prompt_tokens"), record.get("completion_tokens"))
    values.update(
        event_id=record.get("request_id"),
        timestamp=record.get("startTime"),
        account_id=_account(record, metadata),
        # the name the caller asked for; "model" is the deployment it was routed to
        model=record.get("model_group") or record.get("model") or values.get("model"),
        organization_id=_first(record.get("organization_id"), record.get("team_id")),
        credential_id=_first(record.get("api_key"), metadata.get("user_api_key")),
        end_user_id=_first(record.get("end_user"), values.pop("user", None)),
        conversation_id=_first(record.get("session_id"), record.get("trace_id")),
        operation=_operation(str(record.get("call_type") or "")),
        response=told.get("response"),
        input_tokens=tokens[0] if tokens[0] is not None else told.get("input_tokens"),
        output_tokens=tokens[1] if tokens[1] is not None else told.get("output_tokens"),
        finish_reason=told.get("finish_reason"),
        client_ip=_first(record.get("requester_ip_address"), metadata.get("requester_ip_address")),
        user_agent=_agent(record["request_tags"]),
    )
    return Row(item, values, record)


def _requested(record: dict[str, Any], depth: int) -> dict[str, Any]:
    """Return what the stored request says; ``messages`` where only they were stored."""
    body = record["proxy_server_request"]
    if isinstance(body, dict) and isinstance(body.get("body"), dict):
        body = body["body"]
    values = request_fields(body, depth)
    if isinstance(body, dict):
        values.update(model=body.get("model"), user=body.get("user"))
    if values.get("prompt") is None and record["messages"]:
        said = conversation(record["messages"], depth)
        values.update(prompt=said.prompt, system_prompt=said.system_prompt, turn=said.turn)
    if values.get("prompt") == _REDACTED:
        # the same words of every account would link them all
        values["prompt"] = None
    return values


def _account(record: dict[str, Any], metadata: dict[str, Any]) -> Any:
    return _first(
        record.get("user"),
        metadata.get("user_api_key_user_id"),
        record.get("team_id"),
        record.get("api_key"),
    )


def _first(*candidates: Any) -> Any:
    return next(
        (each for each in candidates if isinstance(each, str) and each not in _NO_ONE), None
    )


def _operation(call: str) -> str | None:
    if "text_completion" in call:
        return "text_completion"
    if "generate_content" in call:
        return "generate_content"
    return "chat" if call else None


def _agent(tags: Any) -> str | None:
    """Return the user agent, which the proxy keeps among the request tags; the longest is whole."""
    listed = tags if isinstance(tags, list) else []
    agents = [str(tag) for tag in listed if str(tag).startswith(_AGENT)]
    return max(agents, key=len).removeprefix(_AGENT) if agents else None
