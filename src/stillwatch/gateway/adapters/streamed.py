"""Degraded answers that come as a stream: events of OpenAI's and Anthropic's APIs, as objects or as text.

Rules: an event of the model's thinking is dropped whole, and what comes after takes its place in
the numbering, because clients use the numbers as places in a list. What is no JSON passes as it is.

>>> shown = Events()
>>> shown.event({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}})
>>> shown.event({"type": "content_block_start", "index": 1, "content_block": {"type": "text"}})
{'type': 'content_block_start', 'index': 0, 'content_block': {'type': 'text'}}
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from stillwatch.gateway.adapters.degrade import Inline, concealed, spoken, thought

_PLACES: Final = ("index", "output_index")
"""Numbers of Anthropic's blocks, and of a response's items."""
_BLOCKS: Final = ("content_block", "item", "part")
_THINKING: Final = frozenset({"thinking_delta", "signature_delta"})


class Events:
    """One stream; knows which of its blocks were dropped."""

    def __init__(self) -> None:
        self._dropped: set[int] = set()
        self._texts: dict[tuple[object, ...], Inline] = {}

    def event(self, said: Mapping[str, Any]) -> dict[str, Any] | None:
        """An event as it may be shown; None where it may not."""
        if isinstance(said.get("choices"), list):
            return self._chunk(concealed(said, whole=False))
        kind = said.get("type")
        if not isinstance(kind, str):
            return concealed(said)
        name = next((name for name in _PLACES if isinstance(said.get(name), int)), None)
        if any(thought(said.get(block)) for block in _BLOCKS):
            self._dropped.update(() if name is None else (said[name],))
            return None
        delta = said.get("delta")
        if "reasoning" in kind or (isinstance(delta, Mapping) and _thinks(delta)):
            return None
        if name is not None and said[name] in self._dropped:
            return None
        left = concealed(said)
        if name is not None:
            left[name] -= sum(gone < left[name] for gone in self._dropped)
        return self._texted(left, kind)

    def _chunk(self, said: dict[str, Any]) -> dict[str, Any]:
        """A chunk of a chat completion without thinking that is written as text."""
        for place, choice in enumerate(said["choices"]):
            if not isinstance(choice, dict):
                continue
            key = ("choice", choice.get("index", place))
            delta = choice.get("delta")
            part: dict[str, Any] = delta if isinstance(delta, dict) else choice
            name = "content" if part is not choice else "text"
            shown = self._shown(key, part.get(name))
            if choice.get("finish_reason") and key in self._texts:
                shown = (shown or "") + self._texts[key].end()
            if isinstance(shown, str) and (shown or name in part):
                part[name] = shown
        return said

    def _texted(self, said: dict[str, Any], kind: str) -> dict[str, Any]:
        """The same for Anthropic's text and a response's."""
        if isinstance(said.get("message"), Mapping):
            said["message"] = concealed(said["message"])
        delta, key = said.get("delta"), (said.get("output_index"), said.get("content_index"))
        if isinstance(delta, Mapping) and isinstance(delta.get("text"), str):
            said["delta"] = {
                **delta,
                "text": self._shown(("block", said.get("index")), delta["text"]),
            }
        elif kind == "response.output_text.delta":
            said["delta"] = self._shown(key, delta)
        elif kind == "response.output_text.done" and isinstance(said.get("text"), str):
            said["text"] = spoken(said["text"])
        for name in said.keys() & {"item", "part"}:
            if isinstance(said[name], Mapping):
                said[name] = concealed({"content": [said[name]]})["content"][0]
        if kind.startswith("response.output_text") and said.get("logprobs", 0) is None:
            said["logprobs"] = []
        return said

    def _shown(self, key: tuple[object, ...], piece: object) -> Any:
        if not isinstance(piece, str):
            return piece
        return self._texts.setdefault(key, Inline()).feed(piece)


class Text:
    """One stream as server-sent events; pieces may end anywhere."""

    def __init__(self) -> None:
        self._events = Events()
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """The events that are complete, as they may be shown."""
        whole = (self._held + piece).replace(b"\r\n", b"\n")
        self._held = b""
        if whole.endswith(b"\r"):
            whole, self._held = whole[:-1], b"\r"
        *events, rest = whole.split(b"\n\n")
        self._held = rest + self._held
        return b"".join(self._one(event) for event in events)

    def end(self) -> bytes:
        """What was not closed by an empty line."""
        rest, self._held = self._held, b""
        return self._one(rest) if rest.strip() else b""

    def _one(self, event: bytes) -> bytes:
        lines = event.split(b"\n")
        data = b"\n".join(_value(line) for line in lines if line.startswith(b"data:"))
        try:
            said = orjson.loads(data)
        except orjson.JSONDecodeError:
            return event + b"\n\n"
        if not isinstance(said, dict):
            return event + b"\n\n"
        shown = self._events.event(said)
        if shown is None:
            return b""
        others = [line for line in lines if not line.startswith(b"data:")]
        return b"\n".join([*others, b"data: " + orjson.dumps(shown)]) + b"\n\n"


def _thinks(delta: Mapping[str, Any]) -> bool:
    return isinstance(delta.get("type"), str) and delta["type"] in _THINKING


def _value(line: bytes) -> bytes:
    return line[5:].removeprefix(b" ")
