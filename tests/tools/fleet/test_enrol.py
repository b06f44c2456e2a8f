"""`matinee fleet enrol`."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.errors import BadRequest, BadSettings, UpstreamFailed
from tools.fleet.enrol import create_enrolment, read_key


async def test_what_control_answers() -> None:
    async def enrolments(request: web.Request) -> web.Response:
        if request.headers["Authorization"] != "Bearer right":
            return web.json_response({"detail": "no such key"}, status=401)
        return web.json_response({"token": "t"} | await request.json(), status=201)

    app = web.Application()
    app.router.add_post("/v1/enrolments", enrolments)
    async with TestServer(app) as server:
        base = str(server.make_url("/"))
        assert await create_enrolment(base, "right", {"id": "e5"}) == {"token": "t", "id": "e5"}
        with pytest.raises(BadRequest, match="no such key"):
            await create_enrolment(base, "wrong", {"id": "e5"})
    with pytest.raises(UpstreamFailed, match=r"127\.0\.0\.1:1"):
        await create_enrolment("http://127.0.0.1:1", "right", {"id": "e5"})


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="api_key_file"):
        read_key(tmp_path / "none")
    (tmp_path / "key").write_text("k\n")
    assert read_key(tmp_path / "key") == "k"
