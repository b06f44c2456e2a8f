"""A raw keep-alive connection, for tests of what happens from one request of it to the next."""

from __future__ import annotations

import asyncio

from kernel.settings.table import Address
from tests.doubles.response import next_response

FOLDER = "/cdn/eu/title1/v720/"


class Wire:
    """A raw keep-alive connection that reads whole responses."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, address: Address) -> Wire:
        """Connect."""
        return cls(*await asyncio.open_connection(address.host, address.port, limit=1 << 24))

    def asks(self, *names: str, extra: str = "", before: str = "") -> None:
        for name in names:
            self.writer.write(f"GET {before}{FOLDER}{name} HTTP/1.1\r\nHost: e\r\n{extra}\r\n".encode())

    async def gets(self) -> tuple[int, bytes]:
        response = await next_response(self.reader)
        assert response.whole
        return response.status, response.body
