"""What a node says before it trusts: nothing. The rest of joining stands in test_node_identity.py."""

from __future__ import annotations

import asyncio

import pytest

from kernel.errors import UpstreamFailed
from kernel.fleet.identity import BadIdentity, enrolment_token
from rpc.enrol import enrol

TOKEN = enrolment_token(b"f" * 32, b"s" * 24)


async def test_a_text_that_is_no_token_goes_nowhere() -> None:
    with pytest.raises(BadIdentity):
        await enrol("127.0.0.1:1", "junk", b"")


async def test_who_speaks_no_tls_hears_no_secret() -> None:
    heard: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4_096))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(UpstreamFailed, match=f"enrolment at 127.0.0.1:{port}"):
            await enrol(f"127.0.0.1:{port}", TOKEN, b"request")
    secret = TOKEN.split("-", 2)[2].encode()
    assert heard
    assert not any(secret in data for data in heard)
