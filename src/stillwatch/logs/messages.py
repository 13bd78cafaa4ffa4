"""Message lists to the words of one request: prompt, system prompt, turn.

Rules: the prompt is the last user message; the text parts of a message are joined by a newline
and everything else in it (images, files, tool results) is left out; system and developer
messages make the system prompt; the turn is the number of user messages before the last. A
message that only carries tool results is the application's, not the user's.

Shapes understood: OpenAI ``{role, content}`` with text or parts, Anthropic content blocks,
Amazon Bedrock Converse ``[{text}]``, OpenTelemetry and Gemini ``{role, parts}``.

>>> conversation([{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"image": {}}]}])
Conversation(prompt='Hi', system_prompt=None, turn=0)
"""

from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa

USER: Final = frozenset({"user", "human"})
SYSTEM: Final = frozenset({"system", "developer"})
_TOOL_PARTS: Final = ("tool_result", "tool_call_response", "function_call_output")
_NOT_SAID: Final = ("thinking", "redacted_thinking", "reasoning", "image", "tool_use", "tool_call")


class Conversation(NamedTuple):
    """What one request says."""

    prompt: str | None
    system_prompt: str | None
    turn: int | None


def conversation(messages: Any, depth: int = 64) -> Conversation:
    """Read a message list; a plain text is a prompt, anything else holds nothing."""
    if isinstance(messages, str):
        return Conversation(messages, None, None)
    if isinstance(messages, dict):
        messages = messages.get("messages", [messages])
    if not isinstance(messages, list):
        return Conversation(None, None, None)
    prompt: str | None = None
    users, system = 0, []
    for entry in messages:
        message = {"role": "user", "content": entry} if isinstance(entry, str) else entry
        if not isinstance(message, dict):
            continue
        role, content = str(message.get("role", "user")), _content(message)
        if role in SYSTEM:
            system.append(text_of(content, depth))
        elif role in USER and not _only_tools(content):
            prompt = text_of(content, depth)
            users += 1
    return Conversation(prompt, "\n".join(system) if system else None, users - 1 if users else None)


def text_of(content: Any, depth: int = 64) -> str:
    """Join the text parts of a message's content with newlines."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and depth > 0:
        parts = (text_of(part, depth - 1) for part in content)
        return "\n".join(part for part in parts if part)
    if (
        isinstance(content, dict)
        and depth > 0
        and content.get("type") not in _NOT_SAID + _TOOL_PARTS
    ):
        for key in ("text", "content", "parts"):
            if isinstance(content.get(key), str | list | dict):
                return text_of(content[key], depth - 1)
    return ""


def last_text(messages: Any, depth: int = 64) -> str | None:
    """Join the text of answer messages, e.g. ``gen_ai.output.messages``; the first choice only."""
    if isinstance(messages, str):
        return messages
    if isinstance(messages, list) and messages:
        first = messages[0]
        return text_of(_content(first) if isinstance(first, dict) else first, depth)
    return None


def parsed(value: Any) -> Any:
    """Parse JSON text of a list or object; everything else comes back as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def columns_of_messages(array: pa.Array | list[Any], depth: int) -> dict[str, pa.Array]:
    """Derive ``prompt``, ``system_prompt`` and ``turn`` from a column of message lists."""
    found = [conversation(parsed(_value(scalar)), depth) for scalar in array]
    return {
        "prompt": pa.array([each.prompt for each in found], pa.string()),
        "system_prompt": pa.array([each.system_prompt for each in found], pa.string()),
        "turn": pa.array([each.turn for each in found], pa.int32()),
    }


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py() if isinstance(scalar, pa.Scalar) else scalar
    except ValueError:
        return None


def _content(message: dict[str, Any]) -> Any:
    for key in ("content", "parts", "text"):
        if message.get(key) is not None:
            return message[key]
    return None


def _only_tools(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(part, dict) and (part.get("type") in _TOOL_PARTS or "toolResult" in part)
            for part in content
        )
    )
