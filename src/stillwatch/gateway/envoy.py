"""Envoy's ``ext_authz`` over HTTP: the client's request, without its body, under a path of ours.

Envoy sends method, path and the headers that its settings name. 200 lets the request pass, with
the headers that it may add upstream; a 4xx goes to the client as it is: status, headers and body.
A 5xx is an outage to Envoy, and ``failure_mode_allow`` lets the request pass then: where a closed
scope cannot be judged the answer is a 403, and the 503 it means stands in ``x-stillwatch-status``.
(Envoy, ``envoy.extensions.filters.http.ext_authz.v3``.)
"""

from typing import Final

from stillwatch.gateway.decider import Answer
from stillwatch.gateway.http import JSON, Reply
from stillwatch.gateway.wording import LEASE, SHADOW, STATUS, answer_fields, refusal

PREFIX: Final = b"/envoy"
_OURS: Final = (SHADOW, LEASE)
"""Headers that are none of the client's business."""


def for_envoy(answer: Answer, appeal: str) -> Reply:
    """What Envoy is told."""
    fields = answer_fields(answer)
    if answer.allowed:
        return Reply(200, fields=fields)
    shown = tuple(pair for pair in fields if pair[0] not in _OURS)
    status = answer.status
    if status >= 500:
        status, shown = 403, (*shown, (STATUS, b"%d" % status))
    return Reply(status, refusal(answer, appeal), JSON, shown)
