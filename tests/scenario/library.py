"""An origin that holds one object as a file server does: ranges, validators, and a slow or broken wire at will."""

from __future__ import annotations

import re
from typing import Any

from kernel.http.message import status_line
from tests.scenario.origin import Expectation, Origin


class Held(Expectation):
    """One object, asked for as often as anybody likes. `ranges` False: it answers every range with the whole.

    `asked` lists the Range of every request ("" for none).
    """

    def __init__(self, path: str, body: bytes, fields: dict[str, Any], *, ranges: bool = True) -> None:
        super().__init__(path, {}, 1 << 30)
        self.body = body
        self.fields = {name.replace("_", "-"): value for name, value in fields.items() if value is not None}
        self.ranges = ranges
        self.asked: list[str] = []
        self.breaks: list[int] = []
        self.status: int | None = None
        self.most: int | None = None
        """Bytes that one answer to a Range brings, however many were asked for."""
        self.tags: list[str] = []
        """ETags of the next answers, in turn and for ever: backends that do not agree."""

    async def answer(self, transport: Any, headers: dict[str, str], date: str) -> None:
        asked = headers.get("range", "")
        self.asked.append(asked)
        if self._gate is not None:
            await self._gate.passed()
        if self.tags:
            self.fields["etag"] = self.tags[0]
            self.tags.append(self.tags.pop(0))
        etag = self.fields.get("etag")
        if self.status is not None:
            transport.write(status_line(self.status) + b"Content-Length: 0\r\n\r\n")
        elif etag is not None and headers.get("if-none-match") == etag:
            transport.write(status_line(304) + self._lines(date) + b"\r\n")
        else:
            self._write(transport, asked, date)

    def _lines(self, date: str) -> bytes:
        return "".join(f"{name}: {value}\r\n" for name, value in {"Date": date, **self.fields}.items()).encode()

    def _write(self, transport: Any, asked: str, date: str) -> None:
        first, stop, status, more = 0, len(self.body), 200, b""
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
        if match and self.ranges:
            status = 206
            if match[1]:
                first = int(match[1])
                stop = min(stop, int(match[2]) + 1) if match[2] else stop
            else:
                first = max(0, stop - int(match[2]))
            if first >= stop:
                line = b"Content-Range: bytes */%d\r\nContent-Length: 0\r\n\r\n" % len(self.body)
                transport.write(status_line(416) + line)
                return
            if self.most is not None:
                stop = min(stop, first + self.most)
            more = b"Content-Range: bytes %d-%d/%d\r\n" % (first, stop - 1, len(self.body))
        length = b"Content-Length: %d\r\n\r\n" % (stop - first)
        cut = self.breaks.pop(0) if self.breaks else None
        data = self.body[first:stop] if cut is None else self.body[first : min(stop, first + cut)]
        transport.write(status_line(status) + self._lines(date) + more + length + data)
        if cut is not None:
            transport.close()


class Library(Origin):
    """See the module."""

    def holds(self, path: str, body: bytes, *, ranges: bool = True, **fields: Any) -> Held:
        """It has this object."""
        made = Held(path, body, fields, ranges=ranges)
        self.expectations.insert(0, made)
        return made

    async def answer(self, transport: Any, method: str, path: str, headers: dict[str, str]) -> None:
        from kernel.http.dates import format_date

        held = next((one for one in self.expectations if isinstance(one, Held) and one.path == path), None)
        if held is None:
            await super().answer(transport, method, path, headers)
            return
        self.asked.append(f"{method} {path}")
        await held.answer(transport, headers, format_date(self.clock.wall()).decode())

    def left(self) -> list[str]:
        return [line for line in super().left() if not any(one.path in line for one in self._held())]

    def _held(self) -> list[Held]:
        return [one for one in self.expectations if isinstance(one, Held)]
