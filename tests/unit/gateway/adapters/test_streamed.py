"""Streams of both APIs, cut anywhere: no thinking comes through, and the numbering has no holes."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.adapters.streamed import Events, Text

Event = dict[str, Any]


def chunk(delta: Event, **more: Any) -> Event:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, **more}]}


OPENAI: list[Event] = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "SECRET"}),
    chunk({"content": "<thi"}),
    chunk({"content": "nk>SECRET</thi"}),
    chunk({"content": "nk>\nfo"}),
    chunk({"content": "ur"}, logprobs={"content": [{"token": "SECRET"}]}),
    chunk({}, finish_reason="stop"),
]
ANTHROPIC: list[Event] = [
    {"type": "message_start", "message": {"content": [], "role": "assistant"}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "thinking", "thinking": ""},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "SECRET"},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "signature_delta", "signature": "SECRET"},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "redacted_thinking", "data": "SECRET"},
    },
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "four"}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_stop"},
]
RESPONSES: list[Event] = [
    {"type": "response.created", "response": {"output": [], "reasoning": {"effort": "high", "summary": "auto"}}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "SECRET"},
    {"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "summary": ["SECRET"]}},
    {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "four",
     "logprobs": [{"token": "SECRET"}]},
    {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "four",
     "logprobs": [{"token": "SECRET"}]},
    {"type": "response.output_item.done", "output_index": 1,
     "item": {"type": "message", "content": [{"type": "output_text", "text": "four", "logprobs": ["SECRET"]}]}},
    {"type": "response.completed", "response": {"output": [
        {"type": "reasoning", "encrypted_content": "SECRET"},
        {"type": "message", "content": [{"type": "output_text", "text": "four", "logprobs": ["SECRET"]}]}]}},
]  # fmt: skip
STREAMS = {"openai": OPENAI, "anthropic": ANTHROPIC, "responses": RESPONSES}


def shown(events: list[Event]) -> list[Event]:
    stream = Events()
    return [left for event in events if (left := stream.event(event)) is not None]


@pytest.mark.parametrize("events", STREAMS.values(), ids=STREAMS)
def test_nothing_of_the_thinking_comes_through(events):
    before = json.dumps(events)
    left = shown(events)
    assert "SECRET" not in json.dumps(left)
    assert json.dumps(events) == before


def test_the_words_of_a_chat_are_whole():
    texts = [event["choices"][0]["delta"].get("content") or "" for event in shown(OPENAI)]
    assert "".join(texts) == "four"


def test_a_chat_that_ends_within_what_looked_like_a_mark_loses_nothing():
    left = shown(
        [chunk({"content": "a"}), chunk({"content": "<"}), chunk({}, finish_reason="stop")]
    )
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in left) == "a<"
    left = shown([chunk({"content": "<th"}), chunk({}, finish_reason="stop")])
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in left) == "<th"


def test_a_completion_of_the_older_kind_is_treated_alike():
    pieces = ["<think>SEC", "RET</think>", "four"]
    left = shown([{"choices": [{"index": 0, "text": piece, "logprobs": {}}]} for piece in pieces])
    assert "".join(event["choices"][0]["text"] for event in left) == "four"
    assert all(event["choices"][0]["logprobs"] is None for event in left)


def test_blocks_are_numbered_without_holes():
    left = shown(ANTHROPIC)
    assert {event["index"] for event in left if "index" in event} == {0}
    assert [event["type"] for event in left][:2] == ["message_start", "content_block_start"]
    assert len(left) == len(ANTHROPIC) - 6
    assert {event.get("output_index") for event in shown(RESPONSES)} == {None, 0}


def sse(events: list[Event], end: str) -> bytes:
    named = (f"event: {e['type']}{end}" if "type" in e else "" for e in events)
    lines = (
        f"{name}data: {json.dumps(e)}{end}{end}" for name, e in zip(named, events, strict=True)
    )
    return ("".join(lines) + f"data: [DONE]{end}{end}: a comment{end}{end}").encode()


@given(
    st.sampled_from(sorted(STREAMS)),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.integers(0, 4000), max_size=9),
)
def test_text_cut_anywhere_says_what_the_objects_say(name, end, cuts):
    whole = sse(STREAMS[name], end)
    places = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)})
    text = Text()
    said = b"".join(text.feed(whole[a:b]) for a, b in itertools.pairwise(places)) + text.end()
    lines = [line[6:] for line in said.decode().split("\n") if line.startswith("data: {")]
    assert [json.loads(line) for line in lines] == shown(STREAMS[name])
    assert b"data: [DONE]\n\n: a comment\n\n" in said


def test_what_is_not_closed_is_not_lost():
    text = Text()
    assert text.feed(b'data: {"choices": [{"delta": {"reasoning": "x"') == b""
    assert text.feed(b', "content": "y"}}]}') == b""
    assert json.loads(text.end()[6:]) == {"choices": [{"delta": {"content": "y"}}]}
