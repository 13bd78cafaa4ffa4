"""What a refused caller is told: an error that clients of OpenAI's and of Anthropic's API understand.

Rules: the decision's id and where to appeal, never its reason or evidence: those are for the people who
answer the appeal, and would tell an adversary what gave it away.

>>> refusal(Answer(False, 429, "throttle", None, "", 1.2, (), None, None, None)).headers
{'retry-after': '2', 'x-stillwatch-effect': 'throttle'}
"""

import math
from dataclasses import dataclass
from typing import Any

from stillwatch.gateway.decider import Answer


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal over HTTP."""

    status: int
    """400, 403, 429 or 503."""
    code: str
    """For programs: the member ``code`` of OpenAI's errors."""
    kind: str
    """The member ``type`` of both APIs' errors."""
    message: str
    headers: dict[str, str]

    @property
    def body(self) -> dict[str, Any]:
        """As both APIs write errors; each client reads the names it knows."""
        error = {"message": self.message, "type": self.kind, "param": None, "code": self.code}
        return {"type": "error", "error": error}


def refusal(answer: Answer, appeal: str = "") -> Refusal:
    """What is said to a caller whose request is not allowed; ``appeal``: where to turn."""
    code, kind, message = _WORDS.get((answer.status, answer.effect), _WORDS[answer.status, ""])
    headers = {"x-stillwatch-effect": answer.effect}
    if answer.retry_after_s is not None and answer.status in (429, 503):
        headers = {"retry-after": str(max(1, math.ceil(answer.retry_after_s))), **headers}
    elif answer.status in (429, 503):
        headers = {"retry-after": "1", **headers}
    if answer.decision:
        headers["x-stillwatch-decision"] = answer.decision
        message += f" Reference: {answer.decision}."
    if appeal and answer.status == 403:
        message += f" If you think this is a mistake: {appeal}"
    return Refusal(answer.status, code, kind, message, headers)


def ambiguous(why: str) -> Refusal:
    """What is said where a request names two callers."""
    message = f"Whom this request is from is not clear: {why}."
    return Refusal(400, "ambiguous_identity", "invalid_request_error", message, {})


_WORDS = {
    (403, "challenge"): (
        "identity_verification_required", "permission_error",
        "Your identity has to be verified before further requests.",
    ),
    (403, ""): ("access_denied", "permission_error", "This request was refused."),
    (429, ""): (
        "rate_limit_exceeded", "rate_limit_error",
        "Requests are limited for now; try again after the time in Retry-After.",
    ),
    (503, ""): (
        "service_unavailable", "api_error",
        "Requests cannot be checked at the moment, and are not let through unchecked.",
    ),
}  # fmt: skip
