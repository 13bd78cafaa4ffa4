"""What an application makes of what nobody foresaw, over real HTTP."""

import logging

from starlette.routing import Route

from stillwatch.hub.errors import MEDIA
from tests.hubs import people, serving


def _boom(_request):
    raise ZeroDivisionError("secret of a request")


def test_what_nobody_foresaw_is_a_taxii_error(made, database_url, key_file, caplog):
    assert made.fresh
    with (
        serving(people(database_url, key_file), routers=[[Route("/boom", _boom)]]) as world,
        world.client() as client,
        caplog.at_level(logging.ERROR, "stillwatch.hub"),
    ):
        found = [client.get("/boom") for _ in range(2)]
    for one in found:
        assert one.status_code == 500
        assert one.headers["content-type"] == MEDIA
        assert one.json()["http_status"] == "500"
        assert "secret" not in one.text
    logged = [record.getMessage() for record in caplog.records if record.name == "stillwatch.hub"]
    assert len(logged) == 2
    assert found[0].json()["error_id"] in logged[0]
