"""Request and answer bodies of model APIs to canonical columns.

Several logs carry the body as the caller sent it, so one place knows their shapes: OpenAI chat,
text completions and responses; Anthropic messages; Amazon Bedrock Converse and the native
bodies of Titan, Nova, Llama, Mistral and Cohere; Gemini. Only what a body says is returned;
absent fields stay absent. Sources: OpenAI API reference, "Chat Completions"; Anthropic API
reference, "Messages"; Amazon Bedrock User Guide, "Inference request parameters and response
fields for foundation models"; Gemini API reference, "Generating content".

>>> request_fields({"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 9}})["max_tokens"]
9
"""

import re
from typing import Any, Final

from stillwatch.logs.mapping import lookup
from stillwatch.logs.messages import conversation, last_text, parsed, text_of

FINISH: Final = {
    "stop": ("stop", "end_turn", "stop_sequence", "FINISH", "COMPLETE", "STOP", "eos", "endoftext"),
    "length": ("length", "max_tokens", "MAX_TOKENS", "LENGTH", "model_length"),
    "tool_calls": ("tool_calls", "tool_use", "tool_call", "function_call"),
    "content_filter": (
        "content_filter",
        "content_filtered",
        "guardrail_intervened",
        "CONTENT_FILTERED",
        "SAFETY",
        "refusal",
    ),
}
"""Canonical finish reason to what providers call it."""
_FINISH: Final = {name: canonical for canonical, names in FINISH.items() for name in names}

_CONFIG: Final = (
    "inferenceConfig",
    "textGenerationConfig",
    "generationConfig",
    "generation_config",
)
_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    "max_tokens": (
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens_to_sample",
        "max_gen_len",
        "maxTokens",
        "maxTokenCount",
        "max_new_tokens",
        "maxOutputTokens",
    ),
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP", "p"),
    "choices": ("n", "num_generations", "candidateCount"),
    "stream": ("stream",),
}
_TURNS: Final = (
    # Llama 3 and 2 (Mistral) prompt templates, and Anthropic's old text completions
    re.compile(
        r"<\|start_header_id\|>user<\|end_header_id\|>\s*(.*?)(?:<\|eot_id\|>|\Z)", re.DOTALL
    ),
    re.compile(r"\[INST\]\s*(.*?)\s*(?:\[/INST\]|\Z)", re.DOTALL),
    re.compile(r"(?:\A|\n\n)Human:\s*(.*?)(?:\n\nAssistant:|\Z)", re.DOTALL),
)


def finish_reason(name: Any) -> str | None:
    """Return the canonical finish reason; one that is not known is kept as it is."""
    return _FINISH.get(name, name) if isinstance(name, str) and name else None


def request_fields(body: Any, depth: int = 64) -> dict[str, Any]:
    """Return the canonical columns that a request body tells."""
    body = parsed(body)
    if not isinstance(body, dict):
        return {}
    fields = _said(body, depth)
    config: dict[str, Any] = next(
        (body[key] for key in _CONFIG if isinstance(body.get(key), dict)), {}
    )
    for name, keys in _PARAMETERS.items():
        for place in (body, config):
            found = next((place[key] for key in keys if place.get(key) is not None), None)
            if found is not None:
                fields[name] = found
                break
    fields["logprobs"] = _asked(body.get("logprobs"), config.get("responseLogprobs"))
    if isinstance(body.get("messages"), list):
        # the caller's whole body is there: what it does not ask for was not asked for
        fields.setdefault("stream", False)
    fields["reasoning"] = _reasoning(body)
    fields["response_format"] = _response_format(body)
    tools = body.get("tools") or lookup(body, "toolConfig.tools")
    fields["tools"] = len(tools) if isinstance(tools, list) else 0
    return {name: value for name, value in fields.items() if value is not None}


def response_fields(body: Any, depth: int = 64) -> dict[str, Any]:
    """Return ``response``, ``finish_reason`` and token counts that an answer body tells."""
    body = parsed(body)
    if isinstance(body, list):
        return _streamed(body, depth)
    if not isinstance(body, dict):
        return {"response": body} if isinstance(body, str) else {}
    fields = {
        "response": _answer(body, depth),
        "finish_reason": finish_reason(_first(body, _REASONS)),
        "input_tokens": _first(body, _INPUT_TOKENS),
        "output_tokens": _first(body, _OUTPUT_TOKENS),
    }
    return {name: value for name, value in fields.items() if value is not None}


_REASONS: Final = (
    "choices.0.finish_reason",
    "stop_reason",
    "stopReason",
    "results.0.completionReason",
    "finish_reason",
    "candidates.0.finishReason",
    "outputs.0.stop_reason",
    "generations.0.finish_reason",
    "completionReason",
    "messageStop.stopReason",
    "delta.stop_reason",
)
_INPUT_TOKENS: Final = (
    "usage.prompt_tokens",
    "usage.input_tokens",
    "usage.inputTokens",
    "prompt_token_count",
    "inputTextTokenCount",
    "usageMetadata.promptTokenCount",
)
_OUTPUT_TOKENS: Final = (
    "usage.completion_tokens",
    "usage.output_tokens",
    "usage.outputTokens",
    "generation_token_count",
    "results.0.tokenCount",
    "usageMetadata.candidatesTokenCount",
)
_ANSWERS: Final = (
    "choices.0.message.content",
    "choices.0.text",
    "output.message.content",
    "results.0.outputText",
    "generation",
    "outputs.0.text",
    "generations.0.text",
    "candidates.0.content",
    "completion",
    "message.content",
    "content",
    "text",
)
_DELTAS: Final = (
    "delta.text",
    "contentBlockDelta.delta.text",
    "choices.0.delta.content",
    "outputText",
    "generation",
    "completion",
    "outputs.0.text",
    "text",
)


def _said(body: dict[str, Any], depth: int) -> dict[str, Any]:
    """Return prompt, system prompt and turn, wherever this API keeps them."""
    for key in ("messages", "contents", "input"):
        if isinstance(body.get(key), list | str):
            said = conversation(body[key], depth)
            break
    else:
        said = conversation(_plain_prompt(body), depth)
    instructions = body.get("system") or body.get("instructions") or body.get("preamble")
    instructions = instructions or body.get("systemInstruction") or body.get("system_instruction")
    system = text_of(instructions, depth) or said.system_prompt
    return {"prompt": said.prompt, "system_prompt": system or None, "turn": said.turn}


def _plain_prompt(body: dict[str, Any]) -> Any:
    if isinstance(body.get("message"), str):  # Cohere: the history is apart
        history = body.get("chat_history")
        earlier = history if isinstance(history, list) else []
        roles = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system"}
        return [
            {"role": roles.get(str(each.get("role")).upper()), "content": each.get("message")}
            for each in earlier
            if isinstance(each, dict)
        ] + [{"role": "user", "content": body["message"]}]
    prompt = body.get("prompt", body.get("inputText"))
    if isinstance(prompt, str):
        for turns in _TURNS:
            found = turns.findall(prompt)
            if found:
                return [{"role": "user", "content": each} for each in found]
    return prompt


def _asked(*values: Any) -> bool:
    """Tell whether log-probabilities were asked for: ``true``, or a count of alternatives."""
    return any(value is True or (isinstance(value, int) and value > 0) for value in values)


def _reasoning(body: dict[str, Any]) -> bool | None:
    thinking = body.get("thinking") or lookup(body, "additionalModelRequestFields.thinking")
    if isinstance(thinking, dict):
        return thinking.get("type") != "disabled"
    include = lookup(body, "generationConfig.thinkingConfig.includeThoughts")
    if include is not None:
        return bool(include)
    effort = body.get("reasoning_effort") or lookup(body, "reasoning.effort")
    summary = lookup(body, "reasoning.summary")
    return True if summary else (effort not in ("none", "minimal") if effort else None)


def _response_format(body: dict[str, Any]) -> str | None:
    kind = lookup(body, "response_format.type") or lookup(body, "text.format.type")
    if kind is None and lookup(body, "generationConfig.responseMimeType") == "application/json":
        has_schema = lookup(body, "generationConfig.responseSchema") is not None
        return "json_schema" if has_schema else "json_object"
    return kind if isinstance(kind, str) else None


def _answer(body: dict[str, Any], depth: int) -> str | None:
    if isinstance(body.get("output"), list):  # OpenAI responses: reasoning and messages mixed
        said = [each for each in body["output"] if isinstance(each, dict) and each.get("content")]
        return text_of([each["content"] for each in said], depth)
    for path in _ANSWERS:
        found = lookup(body, path)
        if isinstance(found, str | list | dict):
            return text_of(found, depth)
    return last_text(body.get("messages"), depth)


def _streamed(chunks: list[Any], depth: int) -> dict[str, Any]:
    """Join the pieces of a streamed answer; the last count of tokens is the final one."""
    fields: dict[str, Any] = {}
    texts: list[str] = []
    for chunk in chunks:
        if not isinstance(chunk, dict):
            continue
        delta = _first(chunk, _DELTAS)
        if isinstance(delta, str):
            texts.append(delta)
        inner = chunk.get("metadata")  # Converse wraps the counts of its last event
        event = inner if isinstance(inner, dict) else chunk
        told = response_fields({**event, "content": None, "message": None}, depth)
        told.pop("response", None)
        fields.update(told)
    if texts:
        fields["response"] = "".join(texts)
    return fields


def _first(body: dict[str, Any], paths: tuple[str, ...]) -> Any:
    return next((found for path in paths if (found := lookup(body, path)) is not None), None)
