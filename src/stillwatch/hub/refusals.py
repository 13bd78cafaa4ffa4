"""What the hub says no to, in the words and with the status that the answer carries.

::

    Refusal                   PolicyRefused: something was about to enter the hub that may not
    ├── Malformed      422    the content cannot be used, with the field named
    ├── Missing        404    not there, or not for the caller's eyes: the same answer
    ├── Forbidden      403    there, but not for the caller to do
    ├── Conflict       409    somebody was faster, or it was done already
    └── QuotaSpent     429    again after ``retry_after`` seconds
"""

from stillwatch.errors import PolicyRefused


class Refusal(PolicyRefused):
    """Root; never raised itself."""

    status = 400
    title = "Refused"


class Malformed(Refusal):
    """The content cannot be used."""

    status = 422
    title = "Unprocessable"


class Missing(Refusal):
    """Not there, or not for the caller's eyes."""

    status = 404
    title = "Not found"


class Forbidden(Refusal):
    """The caller may not do this."""

    status = 403
    title = "Forbidden"


class Conflict(Refusal):
    """The state does not allow it any more."""

    status = 409
    title = "Conflict"


class QuotaSpent(Refusal):
    """The member's quota for the day is used up."""

    status = 429
    title = "Quota spent"

    def __init__(self, message: str, *, kind: str, retry_after: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        """Which quota."""
        self.retry_after = retry_after
        """Seconds until trying again makes sense."""
