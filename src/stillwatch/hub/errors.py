"""What an answer says that is no success: always a TAXII error message (section 3.6.1).

Rules: every error of every path has the same shape and media type, ``title`` and ``http_status``
first; an error of ours has an ``error_id`` that the hub's log has, too, and tells nothing else. No
secret and no body of a request is ever quoted.
"""

import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.responses import Response

from stillwatch.errors import InputError, PolicyRefused, StillwatchError
from stillwatch.hub.database import Busy, Full
from stillwatch.hub.refusals import QuotaSpent, Refusal

MEDIA: Final = "application/taxii+json;version=2.1"
log = logging.getLogger("stillwatch.hub")


class Problem(StillwatchError):
    """A request that is answered with an error status."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str = "",
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.headers = dict(headers or {})
        self.details = dict(details or {})


def answer(error: Exception) -> Response:
    """The answer that an error makes; what nobody foresaw is logged and told as 500."""
    problem = _problem(error)
    error_id = str(uuid.uuid4())
    if problem.status >= 500:
        log.error("error %s (%s): %s", error_id, problem.status, error, exc_info=error)
    body: dict[str, Any] = {
        "title": problem.title,
        "description": str(problem),
        "error_id": error_id,
        "error_code": str(problem.status),
        "http_status": str(problem.status),
    }
    if problem.details:
        body["details"] = problem.details
    return Response(
        orjson.dumps(body), problem.status, headers={**problem.headers, "Content-Type": MEDIA}
    )


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case QuotaSpent():
            wait = {"Retry-After": str(error.retry_after)}
            return Problem(
                error.status, error.message, hint=error.hint, title=error.title, headers=wait
            )
        case Refusal():
            return Problem(error.status, error.message, hint=error.hint, title=error.title)
        case Full():
            return Problem(507, error.message, hint=error.hint)
        case Busy():
            again = {"Retry-After": "2"}  # what the driver said is for the log alone
            return Problem(503, "the database cannot be used now", hint="try again", headers=again)
        case InputError() | PolicyRefused():
            return Problem(422, error.message, hint=error.hint)
    return Problem(500, "an error of the hub; its log has it under this error_id")
