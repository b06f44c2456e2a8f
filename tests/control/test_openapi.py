"""The routes are a table, and the document is made from it."""

from __future__ import annotations

from control.api import _Api
from control.openapi import ROUTES, document


def test_every_route_has_a_handler_and_stands_in_the_document() -> None:
    paths = document()["paths"]
    for route in ROUTES:
        assert callable(getattr(_Api, route.handler))
        operation = paths[route.path][route.method.lower()]
        assert operation["summary"] == route.summary
        assert ("requestBody" in operation) is (route.body is not None)
        assert (operation["security"] == []) is route.open
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
