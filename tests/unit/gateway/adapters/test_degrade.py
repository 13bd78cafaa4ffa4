"""Bodies of both APIs: what asks for or tells of thinking and log-probabilities is gone, the rest is left."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.adapters.degrade import ASKING, TELLING, Inline, concealed, degraded, spoken

WORDS: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "think: <think>x"}]}


@pytest.mark.parametrize(
    "asking",
    [
        {"logprobs": True, "top_logprobs": 20},
        {"logprobs": 5},
        {"reasoning_effort": "high"},
        {"reasoning": {"effort": "high", "summary": "detailed"}},
        {"thinking": {"type": "enabled", "budget_tokens": 4000}},
        {"include_reasoning": True, "prompt_logprobs": 1, "return_token_ids": True},
    ],
    ids=str,
)
def test_what_asks_is_gone_and_nothing_else(asking):
    body = {
        **WORDS,
        **asking,
        "temperature": 0.5,
        "metadata": {"thinking": "a word of the caller's"},
    }
    before = copy.deepcopy(body)
    left = degraded(body)
    assert left == {**WORDS, "temperature": 0.5, "metadata": {"thinking": "a word of the caller's"}}
    assert body == before


def test_what_asks_in_passing_is_gone():
    body = {
        "include": [
            "reasoning.encrypted_content",
            "message.output_text.logprobs",
            "file_search_call.results",
        ],
        "extra_body": {"logprobs": True, "seed": 1},
        "chat_template_kwargs": {"enable_thinking": True, "tools": []},
        "allowed_openai_params": ["reasoning_effort", "seed"],
        "output_config": {"effort": "max", "format": {}},
    }
    assert degraded(body) == {
        "include": ["file_search_call.results"],
        "extra_body": {"seed": 1},
        "chat_template_kwargs": {"tools": []},
        "allowed_openai_params": ["seed"],
        "output_config": {"format": {}},
    }


def test_the_models_own_earlier_thinking_is_gone_the_callers_words_are_not():
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "thinking"}], "reasoning": "mine"},
        {"role": "assistant", "reasoning_content": "r", "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "tool_use", "id": "1", "name": "f", "input": {"reasoning": "kept"}},
        ]},
    ]  # fmt: skip
    left = degraded({"messages": turns})["messages"]
    assert left[0] == turns[0]
    assert left[1] == {"role": "assistant", "content": [turns[1]["content"][2]]}


OPENAI = {
    "id": "c", "object": "chat.completion", "usage": {"completion_tokens": 9},
    "choices": [{
        "index": 0, "finish_reason": "stop", "logprobs": {"content": [{"token": "4", "logprob": -0.1}]},
        "message": {"role": "assistant", "content": "<think>SECRET</think>\n4", "reasoning": "SECRET",
                    "reasoning_content": "SECRET", "thinking_blocks": [{"thinking": "SECRET"}],
                    "provider_specific_fields": {"reasoning_content": "SECRET", "citations": []}},
    }],
}  # fmt: skip
ANTHROPIC = {
    "type": "message", "stop_reason": "end_turn",
    "content": [{"type": "thinking", "thinking": "SECRET", "signature": "SECRET"},
                {"type": "redacted_thinking", "data": "SECRET"}, {"type": "text", "text": "4"}],
}  # fmt: skip
RESPONSE = {
    "object": "response", "reasoning": {"effort": "high", "summary": "SECRET"},
    "output": [{"type": "reasoning", "summary": [{"text": "SECRET"}], "encrypted_content": "SECRET"},
               {"type": "message", "content": [{"type": "output_text", "text": "4",
                                                "logprobs": [{"token": "SECRET"}]}]}],
}  # fmt: skip


@pytest.mark.parametrize(
    "answer", [OPENAI, ANTHROPIC, RESPONSE], ids=["openai", "anthropic", "responses"]
)
def test_an_answer_says_its_words_and_nothing_of_how_it_came_to_them(answer):
    before = copy.deepcopy(answer)
    shown = concealed(answer)
    assert "SECRET" not in json.dumps(shown)
    assert "4" in json.dumps(shown)
    assert shown.keys() == answer.keys()
    assert answer == before
    assert concealed(shown) == shown


def test_log_probabilities_become_null_where_the_name_is_expected():
    (choice,) = concealed(OPENAI)["choices"]
    assert choice["logprobs"] is None
    assert choice["message"]["provider_specific_fields"] == {"citations": []}
    assert choice["message"]["content"] == "4"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(sorted(ASKING | TELLING | {"choices", "message", "delta", "content", "output", "type",
                                                   "messages", "role", "include", "extra_body"})),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from([*sorted(ASKING), "choices", "content", "messages", "extra_body"]), JSON
    )
)
def test_any_json_is_borne_and_twice_is_once(body):
    assert degraded(degraded(body)) == degraded(body)
    assert not degraded(body).keys() & ASKING
    assert concealed(concealed(body)) == concealed(body)


TEXT = st.text(st.sampled_from("<think/> \nab"), max_size=30)


@given(st.lists(TEXT | st.sampled_from(["<think>", "</think>"]), max_size=8))
def test_a_text_in_pieces_shows_what_the_whole_shows(pieces):
    inline = Inline()
    shown = "".join(inline.feed(piece) for piece in pieces) + inline.end()
    assert shown == spoken("".join(pieces))
