"""What ``degrade`` does to a request to a model, and to its answer.

Works on the JSON bodies of OpenAI's chat completions, completions and responses, of Anthropic's
messages, and on the names that servers of open models add (vLLM, SGLang, DeepSeek, OpenRouter). A body
is never changed in place. Both directions are needed: a model that thinks by default thinks
without being asked to.

Rules: what the caller wrote is left alone; what an answer says of the model's thinking is dropped;
log-probabilities become null where a client expects the name.

>>> degraded({"model": "m", "logprobs": True, "reasoning_effort": "high"})
{'model': 'm'}
>>> concealed({"choices": [{"message": {"content": "4", "reasoning": "2+2"}, "logprobs": {}}]})
{'choices': [{'message': {'content': '4'}, 'logprobs': None}]}
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

ASKING: Final = frozenset(
    {
        "logprobs", "top_logprobs", "prompt_logprobs", "return_logprob", "top_logprobs_num",
        "reasoning", "reasoning_effort", "reasoning_format", "reasoning_budget",
        "include_reasoning", "separate_reasoning",
        "thinking", "thinking_budget", "enable_thinking", "return_token_ids",
    }
)  # fmt: skip
"""Parameters of requests that ask for reasoning or log-probabilities."""

TELLING: Final = frozenset(
    {
        "reasoning", "reasoning_content", "reasoning_details", "reasoning_text",
        "thinking_blocks", "thinking", "thinking_signature", "thinking_signatures",
    }
)  # fmt: skip
"""Members of messages in answers that tell of the model's thinking."""

THOUGHTS: Final = frozenset({"thinking", "redacted_thinking", "reasoning", "thought"})
"""Types of blocks, and of items of output, that are the model's thinking."""

_NESTED: Final = ("extra_body", "chat_template_kwargs", "allowed_openai_params")
_OPEN, _CLOSE = "<think>", "</think>"


def degraded(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request's body without what asks for reasoning or log-probabilities."""
    left = {name: value for name, value in body.items() if name not in ASKING}
    for name in _NESTED:
        if isinstance(left.get(name), Mapping):
            left[name] = degraded(left[name])
        elif isinstance(left.get(name), list):
            left[name] = [one for one in left[name] if not _named(one, ASKING)]
    if isinstance(left.get("include"), list):
        left["include"] = [one for one in left["include"] if not _asks(one)]
    if isinstance(left.get("output_config"), Mapping):
        left["output_config"] = {n: v for n, v in left["output_config"].items() if n != "effort"}
    if isinstance(left.get("messages"), list):
        left["messages"] = [_turn(message) for message in left["messages"]]
    return left


def concealed(answer: Mapping[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """An answer's body without reasoning and log-probabilities.

    ``whole``: false for an event of a stream, whose text is a piece; see ``streamed`` for those.
    """
    left = dict(answer)
    if isinstance(left.get("choices"), list):
        left["choices"] = [_choice(choice, whole=whole) for choice in left["choices"]]
    for name in ("content", "output"):
        if isinstance(left.get(name), list):
            left[name] = [_item(item) for item in left[name] if not thought(item)]
    if isinstance(left.get("response"), Mapping):
        left["response"] = concealed(left["response"])
    for name in left.keys() & {"prompt_logprobs", "logprobs"}:
        left[name] = None
    if isinstance(left.get("reasoning"), Mapping) and "summary" in left["reasoning"]:
        left["reasoning"] = {**left["reasoning"], "summary": None}
    return left


def thought(block: object) -> bool:
    """Whether a block of content, or an item of output, is the model's thinking."""
    return isinstance(block, Mapping) and _named(block.get("type"), THOUGHTS)


def spoken(text: str) -> str:
    """Text without passages of thinking at its beginning."""
    while (start := text.lstrip()).startswith(_OPEN):
        text = start.partition(_CLOSE)[2].lstrip()
    return text


class Inline:
    """Leaves out passages of thinking at the beginning of a text that comes in pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"
        self._trim = False
        """After a passage, the space before what follows goes with it."""

    def feed(self, piece: str) -> str:
        """What of the text may be shown now."""
        if self._state == "open":
            return piece
        self._held += piece
        while True:
            if self._state == "start":
                start = self._held.lstrip()
                self._held = start if self._trim else self._held
                if not start.startswith(_OPEN):
                    return "" if _OPEN.startswith(start) else self.end()
                self._state, self._held = "thinking", start
            before, close, after = self._held.partition(_CLOSE)
            if not close:
                self._held = before[1 - len(_CLOSE) :]
                return ""
            self._state, self._held, self._trim = "start", after, True

    def end(self) -> str:
        """What was held back and is not thinking after all."""
        shown, self._held = (self._held if self._state == "start" else ""), ""
        self._state = "open" if self._state == "start" else self._state
        return shown


def _named(said: object, names: frozenset[str]) -> bool:
    return isinstance(said, str) and said in names


def _asks(entry: object) -> bool:
    return isinstance(entry, str) and ("reasoning" in entry or "logprobs" in entry)


def _turn(message: object) -> object:
    """A turn of the conversation so far; the model's own without its thinking."""
    if not isinstance(message, Mapping) or message.get("role") != "assistant":
        return message
    left = _without(message, TELLING)
    if isinstance(left.get("content"), list):
        left["content"] = [block for block in left["content"] if not thought(block)]
    return left


def _choice(choice: object, *, whole: bool) -> object:
    if not isinstance(choice, Mapping):
        return choice
    left = dict(choice)
    for name in left.keys() & {"message", "delta"}:
        if isinstance(left[name], Mapping):
            left[name] = _said(left[name], whole=whole)
    if whole and isinstance(left.get("text"), str):
        left["text"] = spoken(left["text"])
    for name in left.keys() & {"logprobs", "prompt_logprobs", "token_ids", "prompt_token_ids"}:
        left[name] = None
    return left


def _said(message: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    left = _without(message, TELLING)
    if isinstance(left.get("provider_specific_fields"), Mapping):
        left["provider_specific_fields"] = _without(left["provider_specific_fields"], TELLING)
    content = left.get("content")
    if isinstance(content, list):
        left["content"] = [block for block in content if not thought(block)]
    elif whole and isinstance(content, str):
        left["content"] = spoken(content)
    return left


def _item(item: object) -> object:
    """A block of Anthropic's or an item of a response's output."""
    if not isinstance(item, Mapping):
        return item
    left = dict(item)
    if isinstance(left.get("content"), list):
        left["content"] = [_item(part) for part in left["content"] if not thought(part)]
    if isinstance(left.get("text"), str):
        left["text"] = spoken(left["text"])
    if isinstance(left.get("logprobs"), list):
        left["logprobs"] = []
    return left


def _without(said: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    gone = frozenset(names)
    return {name: value for name, value in said.items() if name not in gone}
