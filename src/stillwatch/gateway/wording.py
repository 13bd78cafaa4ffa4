"""An answer in words: JSON for who asks for decisions, headers for proxies, a body for the refused.

Rules: who asks with a token is told the reason and the evidence's decision; who was refused is told
the decision's id, to name it in an appeal, and never why: a reason is a hint at what was noticed.
"""

from typing import Any, Final
from urllib.parse import quote

import orjson

from stillwatch.domain.decision import Effect
from stillwatch.gateway.decider import Answer
from stillwatch.gateway.http import Fields

EFFECT: Final = b"x-stillwatch-effect"
DECISION: Final = b"x-stillwatch-decision"
STATUS: Final = b"x-stillwatch-status"
DEGRADE: Final = b"x-stillwatch-degrade"
SHADOW: Final = b"x-stillwatch-shadow"
LEASE: Final = b"x-stillwatch-lease"
RETRY: Final = b"retry-after"
_PASSED: Final[Fields] = ((EFFECT, b"allow"),)
_SAID: Final = {
    Effect.BLOCK.value: ("access_refused", "This request was refused."),
    Effect.CHALLENGE.value: ("verification_required", "Verify your identity, then ask again."),
    Effect.THROTTLE.value: ("rate_limited", "Too many requests. Ask again later."),
}
_UNKNOWN: Final = ("unavailable", "This request cannot be judged now. Ask again later.")


def answer_record(answer: Answer) -> dict[str, Any]:
    """For who asked for a decision."""
    return {
        "allowed": answer.allowed,
        "status": answer.status,
        "effect": answer.effect,
        "decision": answer.decision,
        "reason": answer.reason,
        "retry_after_s": answer.retry_after_s,
        "shadow": answer.shadow,
        "knowledge_age_s": answer.age_s,
        "lease": answer.lease,
        "degrade": degraded(answer),
    }


def degraded(answer: Answer) -> dict[str, Any] | None:
    """What is to be left out of the model's answer, and whose marks it is to carry."""
    if answer.effect != Effect.DEGRADE or not answer.allowed:
        return None
    return {"hide_reasoning": True, "logprobs": False, "cohort": answer.cohort}


def answer_fields(answer: Answer) -> Fields:
    """Headers of an answer."""
    if answer.decision is None and answer.effect == Effect.ALLOW and not answer.shadow:
        return _PASSED
    fields = [(EFFECT, answer.effect.encode())]
    if answer.decision is not None:
        fields.append((DECISION, answer.decision.encode()))
    if answer.retry_after_s is not None:
        fields.append((RETRY, b"%d" % max(1, -int(-answer.retry_after_s // 1))))
    if answer.shadow:
        fields.append((SHADOW, ",".join(answer.shadow).encode()))
    if answer.lease is not None:
        fields.append((LEASE, answer.lease.encode()))
    if answer.effect == Effect.DEGRADE and answer.allowed:
        fields.append((DEGRADE, _degrade(answer.cohort)))
    return tuple(fields)


def refusal(answer: Answer, appeal: str) -> bytes:
    """What the refused is told, in the form in which model APIs tell errors."""
    kind, said = _SAID.get(answer.effect, _UNKNOWN)
    error = {"type": kind, "message": said, "decision": answer.decision}
    if appeal and answer.decision is not None:
        error["appeal"] = appeal
    return orjson.dumps({"error": error})


def _degrade(cohort: str | None) -> bytes:
    said = "no-reasoning, no-logprobs"
    return f"{said}, cohort={quote(cohort, safe='')}".encode() if cohort else said.encode()
