"""What an evaluator says no to: status, words, and the reason under which it is counted.

Rules: no refusal repeats an element, a signature or anything of a share; an unknown key, a wrong
signature and a request that was sent before are all 401 and say which.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from stillwatch.crypto.ristretto import BadElement
from stillwatch.errors import InputError, NotTrusted, StillwatchError
from stillwatch.hub.database import Busy, Full
from stillwatch.hub.evaluator.ledger import Replayed, Spent
from stillwatch.hub.evaluator.members import NoMembers
from stillwatch.hub.refusals import Refusal


class Refused(StillwatchError):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        """One of few words: a label of the figures, and a kind in the audit."""
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self) -> bytes:
        """JSON of the answer."""
        title = HTTPStatus(self.status).phrase
        return orjson.dumps({"title": title, "description": str(self), **self.more})


def refusal(error: Exception) -> Refused | None:
    """The answer that an error makes; None for one that nobody foresaw."""
    match error:
        case Refused():
            return error
        case Spent():
            headers = {"Retry-After": str(error.retry_after)}
            left = {"remaining": error.remaining}
            return Refused(429, "quota", error.message, hint=error.hint, headers=headers, more=left)
        case Replayed():
            return Refused(401, "replay", error.message, hint=error.hint)
        case Refusal():
            return Refused(error.status, "form", error.message, hint=error.hint)
        case BadElement():
            place = {"place": error.place}
            return Refused(422, "element", error.message, hint=error.hint, more=place)
        case NotTrusted():
            return Refused(401, "signature", error.message, hint=error.hint)
        case NoMembers():
            # what is wrong with the file is for the operator: /readyz and the log say it
            return _later("members", "who takes part is not known at the moment")
        case Full() | Busy():
            return _later("database", "the quota cannot be charged at the moment")
        case InputError():
            return Refused(422, "form", error.message, hint=error.hint)
    return None


def _later(reason: str, message: str) -> Refused:
    return Refused(503, reason, message, hint="ask another evaluator", headers={"Retry-After": "5"})
