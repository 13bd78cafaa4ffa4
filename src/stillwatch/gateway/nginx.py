"""nginx's ``auth_request``: a subrequest with the client's headers, answered by a status alone.

nginx knows three answers: 2xx passes, 401 and 403 refuse, all else is an error of ours and gives
the client a 500. So every refusal is a 403 here, and the status it means stands in
``x-stillwatch-status``, for ``auth_request_set`` and ``error_page``; 401 is said of a wrong token
only. (nginx, ``ngx_http_auth_request_module``.)
"""

from stillwatch.gateway.decider import Answer
from stillwatch.gateway.http import Reply
from stillwatch.gateway.wording import STATUS, answer_fields


def for_nginx(answer: Answer) -> Reply:
    """What nginx is told."""
    fields = answer_fields(answer)
    if answer.allowed:
        return Reply(204, fields=fields)
    return Reply(403, fields=(*fields, (STATUS, b"%d" % answer.status)))
