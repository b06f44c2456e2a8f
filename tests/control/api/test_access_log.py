"""A line for each request of control's HTTP API."""

from __future__ import annotations

from contextlib import AsyncExitStack

import structlog
from aiohttp.test_utils import TestClient, TestServer

from control.api.application import make_app
from control.log_fields import LOG_FIELDS
from control.trust.api_keys import ApiKeys

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_each_request_leaves_one_line_with_the_fields_of_the_table(open_plane) -> None:
    """Refused or not; the key and the query stay out of it."""
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(open_plane())
        keys = ApiKeys(plane.store, "SECRET")
        await keys.start()
        client = await stack.enter_async_context(TestClient(TestServer(make_app(plane, keys, lambda: True))))
        fields = {"Authorization": "Bearer SECRET", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        with structlog.testing.capture_logs() as logged:
            await client.get("/v1/titles?cursor=SECRET", headers=fields)
            await client.get("/v1/titles")
            await client.get("/nowhere", headers=fields)
    lines = [line for line in logged if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/v1/titles", 200),
        ("GET", "/v1/titles", 401),
        ("GET", "/nowhere", 404),
    ]
    assert [line["trace_id"] for line in lines] == [TRACE, None, TRACE]
    assert "SECRET" not in str(logged)
    added_when_written = {"level", "timestamp"}
    assert lines[0].keys() - {"log_level"} | added_when_written == {field.name for field in LOG_FIELDS}
