"""The routes are a table, and the document is made from it."""

from __future__ import annotations

from control.api.openapi import ROUTES, document


def test_every_route_stands_in_the_document() -> None:
    paths = document()["paths"]
    for route in ROUTES:
        operation = paths[route.path][route.method.lower()]
        assert operation["summary"] == route.summary
        assert ("requestBody" in operation) is (route.body is not None)
        assert (operation["security"] == []) is route.open
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_changing_needs_more_than_reading() -> None:
    for route in ROUTES:
        assert route.role in ("viewer", "operator", "admin")
        assert route.role != "viewer" or route.method == "GET" or route.handler in ("why", "diff_settings")
