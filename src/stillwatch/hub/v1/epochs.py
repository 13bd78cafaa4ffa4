"""``/v1/epochs``: who holds the shares of which key of private matching."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

from stillwatch.hub import audit, epochs
from stillwatch.hub.described import errors, example
from stillwatch.hub.v1.parts import Calling, Hub

router = APIRouter(prefix="/v1/epochs", tags=["epochs"])

_EPOCH = {
    "type": "stillwatch-epoch",
    "suite": "ristretto255-SHA512",
    "name": "2026-q4",
    "generation": 0,
    "threshold": 2,
    "public_key": "4vK2OhFkr2tSPqXnWCPfFk9K8iN5bHfdJPVJVHoYR2Y",
    "starts": "2026-10-01",
    "ends": "2026-12-29",
    "transcript": "",
    "evaluators": [
        {
            "index": 1,
            "member": "identity--5f01cd1f-195f-46d4-b581-e2a1bd4fddd1",
            "key_id": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "url": "https://eval.example.com",
            "public_share": "4vK2OhFkr2tSPqXnWCPfFk9K8iN5bHfdJPVJVHoYR2Y",
        }
    ],
    "signatures": {
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiLi4uIn0..c2lnbmF0dXJl"
    },
}


class Epochs(BaseModel):
    """Documents of epochs."""

    epochs: list[dict[str, Any]] = Field(description="Each as its evaluators signed it.")


@router.get(
    "",
    summary="Key epochs of private matching",
    responses={**example({"epochs": [_EPOCH]}, "The documents."), **errors(422)},
)
def listed(
    hub: Hub,
    _: Calling,
    since: Annotated[
        date | None, Query(description="Only epochs that did not end before this day.")
    ] = None,
) -> Epochs:
    """Documents of epochs, all generations; check every signature with keys from the log."""
    with hub.database.read() as connection:
        return Epochs(epochs=epochs.listed(connection, since=since))


@router.post(
    "",
    status_code=201,
    summary="Post a key epoch",
    responses={
        **example(_EPOCH, "Kept, and never changed.", 201),
        **example(_EPOCH, "It was here before.", 200),
        **errors(403, 409, 413, 422, 429),
    },
)
def posted(
    hub: Hub,
    who: Calling,
    response: Response,
    document: Annotated[
        dict[str, Any], Body(description="As `ceremony finish` writes it.", examples=[_EPOCH])
    ],
) -> dict[str, Any]:
    """Post a document that all its evaluators signed; any one of them does.

    A name and generation is posted once; a refresh follows the generation before.
    """
    now = hub.settings.clock()
    with hub.database.write() as connection:
        kept = epochs.post(connection, who, document, now=now)
        if kept.new:
            subject = f"{kept.document['name']} generation {kept.document['generation']}"
            audit.append(connection, [audit.Act(now, who.member, "epoch.post", subject)])
    response.status_code = 201 if kept.new else 200
    return kept.document
