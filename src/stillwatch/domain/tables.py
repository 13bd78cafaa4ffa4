"""The canonical tables: what every reader writes and every detector reads.

A provider's log may lack any optional column (a whole column, or single rows as null).
A detector scores on what was observed; absence is never counted as innocence or as guilt.

>>> [c.name for c in EVENTS if c.required]
['event_id', 'timestamp', 'account_id', 'model', 'prompt']
"""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["string", "timestamp", "int32", "int64", "float32", "bool"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a canonical table."""

    name: str
    """Column name, as written to Parquet."""
    type: ColumnType
    """Arrow type; ``timestamp`` is ``timestamp[us, UTC]``."""
    meaning: str
    """One line for people."""
    required: bool = False
    """Rows that lack it are quarantined."""
    otel: str | None = None
    """The OpenTelemetry GenAI attribute of the same meaning, where one exists."""


EVENTS: tuple[Column, ...] = (
    Column("event_id", "string", "provider's request id", True, "gen_ai.response.id"),
    Column("timestamp", "timestamp", "when the request arrived", True),
    Column("account_id", "string", "the account that is billed and can be banned", True),
    Column("model", "string", "requested model", True, "gen_ai.request.model"),
    Column(
        "prompt",
        "string",
        "the last user message, text parts joined by a newline",
        True,
        "gen_ai.input.messages",
    ),
    Column("organization_id", "string", "organisation or workspace above the account"),
    Column("credential_id", "string", "API key id (never the key)"),
    Column("end_user_id", "string", "the caller's own end user, passed by an application"),
    Column("conversation_id", "string", "conversation", False, "gen_ai.conversation.id"),
    Column("turn", "int32", "0-based user turn in the conversation"),
    Column(
        "operation",
        "string",
        "chat, text_completion, generate_content or batch",
        False,
        "gen_ai.operation.name",
    ),
    Column("system_prompt", "string", "system instructions", False, "gen_ai.system_instructions"),
    Column("response", "string", "the answer's text", False, "gen_ai.output.messages"),
    Column("input_tokens", "int32", "tokens in", False, "gen_ai.usage.input_tokens"),
    Column("output_tokens", "int32", "tokens out", False, "gen_ai.usage.output_tokens"),
    Column("max_tokens", "int32", "most tokens asked for", False, "gen_ai.request.max_tokens"),
    Column("temperature", "float32", "sampling temperature", False, "gen_ai.request.temperature"),
    Column("top_p", "float32", "nucleus sampling mass", False, "gen_ai.request.top_p"),
    Column("choices", "int32", "completions asked for", False, "gen_ai.request.choice.count"),
    Column("logprobs", "bool", "token log-probabilities asked for"),
    Column("reasoning", "bool", "visible reasoning or thinking asked for"),
    Column(
        "response_format",
        "string",
        "text, json_object or json_schema",
        False,
        "gen_ai.output.type",
    ),
    Column("tools", "int32", "number of tools offered"),
    Column("stream", "bool", "streamed answer"),
    Column(
        "finish_reason",
        "string",
        "stop, length, tool_calls or content_filter",
        False,
        "gen_ai.response.finish_reasons",
    ),
    Column("client_ip", "string", "network source as the edge saw it", False, "client.address"),
    Column("asn", "int64", "autonomous system number of the source"),
    Column("country", "string", "ISO 3166-1 alpha-2 of the source"),
    Column("user_agent", "string", "HTTP user agent", False, "user_agent.original"),
    Column("tls_fingerprint", "string", "JA4"),
    Column("channel", "string", "first_party, or the market place through which the call came"),
)

ACCOUNTS: tuple[Column, ...] = (
    Column("account_id", "string", "joins events.account_id", True),
    Column("created_at", "timestamp", "sign-up"),
    Column("email", "string", "contact address as given"),
    Column("phone", "string", "telephone number as given"),
    Column("payment_fingerprint", "string", "the processor's instrument fingerprint, never a card"),
    Column("organization_name", "string", "who they say they are"),
    Column("domain", "string", "their web domain"),
    Column("signup_ip", "string", "address at sign-up"),
    Column("device_fingerprint", "string", "device at sign-up"),
    Column("country", "string", "country at sign-up"),
    Column(
        "access_path",
        "string",
        "self_serve, education, research_programme, startup_programme, enterprise or reseller",
    ),
    Column(
        "spend_tier", "string", "what it spends, in the provider's own words, e.g. free or high"
    ),
    Column("verified", "bool", "identity was verified"),
    Column("authorized_use", "string", "agreed exception, e.g. synthetic_data; null for none"),
    Column("status", "string", "active or banned"),
    Column("banned_at", "timestamp", "when it was banned"),
)

LABELS: tuple[Column, ...] = (
    Column("account_id", "string", "joins events.account_id", True),
    Column("label", "string", "benign or distillation", True),
    Column("kind", "string", "population or tactic"),
    Column("campaign_id", "string", "null for benign"),
    Column("attack_share", "float32", "share of the requests that serve the campaign"),
)
