"""How answers are described in OpenAPI: error bodies and examples."""

from typing import Any, Final

from pydantic import BaseModel, Field

_TITLES: Final = {
    400: ("Bad Request", "limit: give a whole number from 1 on"),
    413: ("Content Too Large", "the body is longer than 33554432 bytes"),
    415: ("Unsupported Media Type", "the body's Content-Type is not TAXII 2.1"),
    401: ("Unauthorized", "valid credentials are needed; Basic with NAME:token, or Bearer"),
    403: ("Forbidden", "identity--5f01cd1f-195f-46d4-b581-e2a1bd4fddd1 is not yours"),
    404: ("Not found", "there is no appeal 8a1c4b1e-6f0b-4f0e-9a43-6f1f3a5b7c2d"),
    409: ("Conflict", "your appeal against this claim is open; GET /v1/appeals shows it"),
    422: ("Unprocessable", "since: no timestamp of the form YYYY-MM-DDTHH:MM:SS.sssZ"),
    429: ("Quota spent", "the quota of 20 appeals opened a day is spent (20 used)"),
    503: ("Service Unavailable", "the database cannot be used now; try again"),
}


class ErrorMessage(BaseModel):
    """TAXII 2.1 error message (section 3.6.1)."""

    title: str = Field(description="What went wrong, in general.")
    description: str = Field(description="What went wrong here, and what to do next.")
    error_id: str = Field(description="The hub's log has more under this id.")
    error_code: str
    http_status: str


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` for error statuses, each with an example."""
    return {status: _error(status) for status in sorted({400, 401, 503, *statuses})}


def example(value: Any, about: str = "Done.", status: int = 200) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` for a success with an example."""
    return {status: {"description": about, "content": {"application/json": {"example": value}}}}


def _error(status: int) -> dict[str, Any]:
    title, description = _TITLES[status]
    message = {
        "title": title,
        "description": description,
        "error_id": "0b8ff5a2-2f3e-4c4d-9d8e-2a6a0f3f3b11",
        "error_code": str(status),
        "http_status": str(status),
    }
    found: dict[str, Any] = {
        "description": title,
        "content": {
            "application/taxii+json;version=2.1": {
                "schema": ErrorMessage.model_json_schema(),
                "example": message,
            }
        },
    }
    if status == 429:
        found["headers"] = {
            "Retry-After": {
                "description": "Seconds until trying again makes sense.",
                "schema": {"type": "integer"},
            }
        }
    return found
