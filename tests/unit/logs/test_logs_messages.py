import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.logs.bodies import request_fields, response_fields
from stillwatch.logs.messages import conversation, text_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["user", "text"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["role", "content", "text", "type", "parts", "messages", "choices", "delta",
                         "usage", "tools", "system", "input", "output", "message", "prompt"]),
        inner, max_size=4,
    ),
)  # fmt: skip


@given(JSON)
def test_no_shape_breaks_the_readers_of_bodies(value):
    said = conversation(value)
    assert said.prompt is None or isinstance(said.prompt, str)
    assert said.system_prompt is None or isinstance(said.system_prompt, str)
    assert isinstance(text_of(value), str)
    assert isinstance(request_fields(value), dict)
    answer = response_fields(value).get("response")
    assert answer is None or isinstance(answer, str)


def test_deep_nesting_is_cut_off():
    deep = "word"
    for _ in range(5_000):
        deep = [{"content": deep}]
    assert text_of(deep) == ""


def test_turns_count_user_messages_and_not_tool_results():
    messages = [
        {"role": "developer", "content": "rule"},
        {"role": "user", "content": "first"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "42"}]},
    ]
    assert conversation(messages) == ("first", "rule", 0)
    messages.append(
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    )
    assert conversation(messages) == ("a\nb", "rule", 1)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": [{"role": "user", "content": "q"}], "max_completion_tokens": 5, "n": 2,
          "logprobs": True, "response_format": {"type": "json_schema"}, "reasoning_effort": "high"},
         {"prompt": "q", "max_tokens": 5, "choices": 2, "logprobs": True, "reasoning": True,
          "response_format": "json_schema", "tools": 0}),
        ({"input": "q", "instructions": "s", "max_output_tokens": 5, "text": {"format": {"type": "json_object"}}},
         {"prompt": "q", "system_prompt": "s", "max_tokens": 5, "response_format": "json_object"}),
        ({"system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": "q"}],
          "thinking": {"type": "enabled", "budget_tokens": 9}, "stream": True},
         {"prompt": "q", "system_prompt": "s", "reasoning": True, "stream": True}),
        ({"contents": [{"role": "user", "parts": [{"text": "q"}]}],
          "systemInstruction": {"parts": [{"text": "s"}]},
          "generationConfig": {"maxOutputTokens": 7, "topP": 0.5, "candidateCount": 3,
                               "responseMimeType": "application/json"}},
         {"prompt": "q", "system_prompt": "s", "max_tokens": 7, "top_p": 0.5, "choices": 3,
          "response_format": "json_object"}),
        ({"message": "q", "chat_history": [{"role": "USER", "message": "p"}], "preamble": "s", "p": 0.1},
         {"prompt": "q", "turn": 1, "system_prompt": "s", "top_p": 0.1}),
        ({"prompt": "\n\nHuman: p\n\nAssistant: a\n\nHuman: q\n\nAssistant:", "max_tokens_to_sample": 3},
         {"prompt": "q", "turn": 1, "max_tokens": 3}),
        ({"prompt": "<s>[INST] q [/INST]", "max_tokens": 3}, {"prompt": "q", "turn": 0}),
        ({"prompt": "just words"}, {"prompt": "just words"}),
    ],
)  # fmt: skip
def test_request_bodies(body, expected):
    got = request_fields(body)
    assert {name: got.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}],
          "stop_reason": "refusal", "usage": {"input_tokens": 1, "output_tokens": 2}},
         {"response": "a", "finish_reason": "content_filter", "input_tokens": 1, "output_tokens": 2}),
        ({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "MAX_TOKENS"}],
          "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}},
         {"response": "a", "finish_reason": "length", "input_tokens": 1, "output_tokens": 2}),
        ({"outputs": [{"text": "a", "stop_reason": "stop"}]}, {"response": "a", "finish_reason": "stop"}),
        ({"generations": [{"text": "a", "finish_reason": "COMPLETE"}]},
         {"response": "a", "finish_reason": "stop"}),
        ([{"type": "message_start", "message": {"usage": {"input_tokens": 3}}},
          {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}},
          {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "b"}},
          {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}],
         {"response": "ab", "finish_reason": "stop", "output_tokens": 2}),
        ([{"contentBlockDelta": {"delta": {"text": "a"}}}, {"contentBlockDelta": {"delta": {"text": "b"}}},
          {"messageStop": {"stopReason": "max_tokens"}},
          {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 2}}}],
         {"response": "ab", "finish_reason": "length", "input_tokens": 3, "output_tokens": 2}),
        ([{"outputText": "a"}, {"outputText": "b", "completionReason": "FINISH"}],
         {"response": "ab", "finish_reason": "stop"}),
    ],
)  # fmt: skip
def test_answer_bodies(body, expected):
    got = response_fields(body)
    assert {name: got.get(name) for name in expected} == expected
