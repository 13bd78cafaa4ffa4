"""The description of the gateway's HTTP interface, as it lies beside this module."""

from functools import cache
from pathlib import Path


@cache
def document() -> bytes:
    """OpenAPI 3.1, as JSON."""
    return Path(__file__).with_name("openapi.json").read_bytes()
