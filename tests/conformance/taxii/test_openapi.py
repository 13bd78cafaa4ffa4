"""The running hub against its own description: generated requests, whatever they hold.

Schemathesis makes the requests from ``/openapi.json``; no answer may be a 5xx, and each must have a
status, a media type and a body that are described.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stillwatch.hub.setup import initialise
from tests.databases import sqlite
from tests.hubs import World, people, serving

EXAMPLES = int(os.environ.get("STILLWATCH_OPENAPI", "8"))
"""Requests for each path and method."""
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("described")
    with sqlite(folder) as url:
        initialise(url, folder / "log.key", "hub.test/log")
        with serving(people(url, folder / "log.key")) as world:
            yield world


def test_every_answer_is_as_described(described: World) -> None:
    bearer = {"Authorization": f"Bearer {described.tokens['alpha']}"}
    with described.client("alpha") as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    asked: list[str] = []
    wrong: dict[str, str] = {}

    def ask(case: schemathesis.Case) -> None:
        label = f"{case.method} {case.path}"
        asked.append(label)
        try:
            case.call_and_validate(described.base, headers=bearer, checks=CHECKS)
        except FailureGroup as error:
            wrong.setdefault(label, "\n".join(str(one) for one in error.exceptions))

    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # nothing to get wrong in a path without parameters
                BOUNDED(given(operation.as_strategy(mode))(ask))()
    assert len(set(asked)) == len(operations)
    assert not wrong, "\n\n".join(f"{label}: {why}" for label, why in wrong.items())
