"""The soak's origin: serves `things`, tells the model what it answered, and misbehaves when it is told to."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from dataclasses import dataclass
from itertools import count

from kernel.http.dates import format_date, parse_date
from tests.soak.check import LAST_MODIFIED_BASE
from tests.soak.clock import Now
from tests.soak.model import Answer, Model
from tests.soak.things import PIECE, Thing, body_bytes

BEFORE = (
    "reset",
    "hang",
    "500",
    "503",
    "unasked-304",
    "unasked-206",
    "two lengths",
    "bad length",
    "bare CR",
    "garbage",
)
WITHIN = ("reset", "cut", "stall", "surplus", "bad chunk")
HANGS = 6.0
"""Seconds without a word: longer than any tier of the soak waits."""
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nCache-Control: max-age=999\r\n\r\nPOISON"


@dataclass
class Asked:
    """A request as the origin reads it."""

    method: str
    target: str
    fields: dict[str, str]

    def tells(self, name: str) -> str | None:
        return self.fields.get(name)


class Gone(Exception):
    """The connection is to be reset."""


class Origin:
    """One origin. `faults`: the share of answers that are spoilt; `down`: nobody listens."""

    def __init__(self, model: Model, now: Now, rng: random.Random, *, general: bool) -> None:
        self.model = model
        self.now = now
        self.faults = 0.0
        self.asked_for: dict[str, int] = {}
        self.port = 0
        self._rng = rng
        self._general = general
        self._serials = count(1)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen, on the same port each time."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=1 << 16, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections and reset those there are."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._open):
                _reset(writer)
            await self._server.wait_closed()

    # -- a connection ------------------------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (asked := await _read(reader)) is not None and await self._answer(asked, writer):
                pass
        except (OSError, Gone, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            _reset(writer)
        except asyncio.CancelledError:
            return  # the soak is over while it hangs, or stalls
        finally:
            self._open.discard(writer)
            writer.close()

    def _name(self, asked: Asked) -> str:
        if self._general:
            return asked.fields.get("host", "").lower() + asked.target
        return asked.target.partition("?")[0].split("/", 3)[3]

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is over."""
        name = self._name(asked)
        thing = self.model.things[name]
        self.asked_for[name] = self.asked_for.get(name, 0) + 1
        fault = self._fault(asked)
        answer = self._judge(asked, thing, fault)
        self.model.answered(answer)
        made = self.model.fault(self.now(), name, f"origin: {fault}") if fault else None
        try:
            if fault in BEFORE:
                await self._misbehave(fault, answer, thing, writer)
                return False
            return await self._send(asked, thing, answer, fault, writer)
        finally:
            answer.ended = self.now()
            if made is not None:
                made.ended = answer.ended

    def _fault(self, asked: Asked) -> str:
        if self._rng.random() >= self.faults or asked.method == "POST":
            return ""
        fault = self._rng.choice(BEFORE if self._rng.random() < 0.5 else WITHIN)
        own = {"unasked-206": "range", "unasked-304": "if-none-match"}.get(fault)  # then it may be what a viewer asked
        return "reset" if own is not None and own in asked.fields else fault

    def _judge(self, asked: Asked, thing: Thing, fault: str) -> Answer:
        """What is to be answered."""
        serial, arrived = next(self._serials), self.now()
        tongue = (asked.tells("accept-language") or "") if thing.vary else ""
        if asked.method == "POST":
            self.model.changed(thing.name, arrived)
            return Answer(serial, thing.name, "", f"p{serial}", 200, 37, arrived, shared=False)
        if fault in ("500", "503"):
            return Answer(serial, thing.name, "", f"e{serial}", int(fault), 200, arrived, fault=fault)
        if thing.unshared:
            return Answer(serial, thing.name, "", f"s{serial}", 200, thing.size, arrived, shared=False, fault=fault)
        version = self.model.version(thing.name)
        answer = Answer(
            serial, thing.name, tongue, f"v{version}", thing.status(version), thing.length(version), arrived,
            fresh=thing.fresh_for(version, general=self._general), swr=thing.swr, sie=thing.sie,
            must=thing.must or thing.says in ("s-maxage", "no-cache"), fault=fault,
        )  # fmt: skip
        if answer.status == 200 and _unchanged(asked, thing, version):
            answer.status = 304
        return answer

    # -- well-behaved ------------------------------------------------------------------------------------------

    def _fields(self, thing: Thing, answer: Answer) -> list[str]:
        made = [f"X-Serial: {answer.serial}"]
        if thing.dated:
            made.append(f"Date: {format_date(self.now.wall()).decode()}")
        if answer.label[0] == "e":
            return made
        if answer.label[0] == "p":
            return [*made, "Cache-Control: no-store"]
        made += _freshness(thing, self.now.wall())
        tag = thing.tag(answer.label)
        if tag is not None and answer.status in (200, 206, 304):
            made.append(f"ETag: {tag}")
        if thing.last_modified and answer.label[0] == "v":
            made.append(f"Last-Modified: {format_date(LAST_MODIFIED_BASE + int(answer.label[1:])).decode()}")
        if thing.vary:
            made.append("Vary: Accept-Language")
        if thing.age:
            made.append(f"Age: {thing.age}")
        if answer.status == 302:
            made.append("Location: /elsewhere")
        return [*made, "Surrogate-Key: " + " ".join(thing.keys), "Content-Type: application/octet-stream"]

    async def _send(self, asked: Asked, thing: Thing, answer: Answer, fault: str, writer: asyncio.StreamWriter) -> bool:
        fields = self._fields(thing, answer)
        first, stop, framing = 0, answer.length, thing.framing
        selected = _selected(asked, thing, answer)
        if selected == "unsatisfiable":
            answer.status, stop, framing = 416, 0, "length"
            fields.append(f"Content-Range: bytes */{answer.length}")
        elif isinstance(selected, tuple):
            first, stop = selected
            answer.status, framing = 206, "length"
            fields.append(f"Content-Range: bytes {first}-{stop - 1}/{answer.length}")
        elif thing.ranges and answer.status == 200:
            fields.append("Accept-Ranges: bytes")
        if answer.label[0] in "pe":
            framing = "length"
        bodyless = asked.method == "HEAD" or answer.status == 304
        if framing == "length" and answer.status != 304:
            fields.append(f"Content-Length: {stop - first}")
        elif framing == "chunked" and not bodyless:
            fields.append("Transfer-Encoding: chunked")
        last = framing == "close" or self._rng.random() < 0.05
        if last:
            fields.append("Connection: close")
        head = f"HTTP/1.1 {answer.status} Status\r\n" + "".join(f"{line}\r\n" for line in fields) + "\r\n"
        answer.headed = self.now()
        if fault == "surplus" and framing == "length" and stop - first < PIECE:
            # In one piece: what comes only when the connection asks again already cannot be told from an answer.
            whole = b"" if bodyless else body_bytes(thing.name, answer.tongue, answer.label, first, stop - first)
            writer.write(head.encode() + whole + POISON)
        else:
            writer.write(head.encode())
            if not bodyless:
                await self._body(thing, answer, first, stop, framing, fault, writer)
        await writer.drain()
        return not last

    async def _body(
        self,
        thing: Thing,
        answer: Answer,
        first: int,
        stop: int,
        framing: str,
        fault: str,
        writer: asyncio.StreamWriter,
    ) -> None:
        """The bytes; `fault` strikes somewhere within."""
        strikes = self._rng.randrange(first, stop + 1) if fault else stop + 1
        pause = thing.slow / (1 + (stop - first) // 65536)
        at = first
        while at < stop:
            step = min(65536 if thing.slow else PIECE, stop - at, max(1, strikes - at) if strikes > at else stop)
            piece = body_bytes(thing.name, answer.tongue, answer.label, at, step)
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece)
            at += len(piece)
            await writer.drain()
            if strikes <= at:
                strikes = stop + 1
                await self._strike(fault, framing, writer)
            if pause:
                await asyncio.sleep(pause)
        if framing == "chunked":
            writer.write(b"0\r\n\r\n")

    async def _strike(self, fault: str, framing: str, writer: asyncio.StreamWriter) -> None:
        if fault == "stall":
            await asyncio.sleep(self._rng.choice((0.5, 4.0)))
        elif fault == "reset" or (fault == "cut" and framing == "close"):
            raise Gone
        elif fault == "cut":
            writer.write_eof()
            raise asyncio.IncompleteReadError(b"", None)
        elif fault == "bad chunk" and framing == "chunked":
            writer.write(b"zz\r\n")

    # -- badly behaved -----------------------------------------------------------------------------------------

    async def _misbehave(self, fault: str, answer: Answer, thing: Thing, writer: asyncio.StreamWriter) -> None:
        """An answer that is wrong from its head on."""
        if fault == "reset":
            raise Gone
        if fault == "hang":
            await asyncio.sleep(HANGS)
            raise Gone
        fields, body = self._fields(thing, answer), b""
        status, length = str(answer.status), f"Content-Length: {answer.length}"
        if fault in ("500", "503"):
            body = body_bytes(thing.name, "", answer.label, 0, answer.length)
        elif fault == "unasked-304":
            status, length = "304", "X-Nothing: 1"
            fields = [line for line in fields if not line.startswith("ETag")] + ['ETag: "never"']
        elif fault == "unasked-206":
            size, first = answer.length, min(1, answer.length)
            status, length = "206", f"Content-Range: bytes {first}-{size - 1}/{size}\r\nContent-Length: {size - first}"
            body = body_bytes(thing.name, answer.tongue, answer.label, first, size - first)
        elif fault == "two lengths":
            length = "Content-Length: 6\r\nContent-Length: 7"
            body = b"POISON!"
        elif fault == "bad length":
            length, body = "Content-Length: +6", b"POISON"
        elif fault == "bare CR":
            length, body = "X-A: a\rContent-Length: 6", b"POISON"
        else:
            length, body = "no field at all", b"POISON"
        head = f"HTTP/1.1 {status} Status\r\n" + "".join(f"{line}\r\n" for line in [*fields, length])
        answer.headed = self.now()
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()


def _freshness(thing: Thing, wall: float) -> list[str]:
    """How freshness is told."""
    more = "".join(
        (", must-revalidate" if thing.must else "", f", stale-while-revalidate={thing.swr}" if thing.swr else "",
         f", stale-if-error={thing.sie}" if thing.sie else "")
    )  # fmt: skip
    if thing.unshared in ("private", "no-store"):
        return [f"Cache-Control: {thing.unshared}, max-age={thing.life}"]
    if thing.unshared == "set-cookie":
        return [f"Cache-Control: max-age={thing.life}", "Set-Cookie: who=you"]
    match thing.says:
        case "expires":
            told = [f"Cache-Control: x-nothing{more}", f"Expires: {format_date(wall + thing.life).decode()}"]
            return told if thing.dated else [*told, f"Date: {format_date(wall).decode()}"]
        case "cdn":
            return [f"CDN-Cache-Control: max-age={thing.life}{more}", "Cache-Control: no-store"]
        case "no-cache":
            return ["Cache-Control: no-cache, max-age=100"]
        case "none":
            return [f"Cache-Control: x-nothing{more}"] if more else []
        case _:
            return [f"Cache-Control: {thing.says}={thing.life}{more}"]


def _unchanged(asked: Asked, thing: Thing, version: int) -> bool:
    tag, listed, since = thing.tag(f"v{version}"), asked.tells("if-none-match"), asked.tells("if-modified-since")
    if listed is not None:
        return tag is not None and tag.removeprefix("W/") in [o.strip().removeprefix("W/") for o in listed.split(",")]
    moment = parse_date(since.encode()) if since is not None and thing.last_modified else None
    return moment is not None and LAST_MODIFIED_BASE + version <= moment


def _selected(asked: Asked, thing: Thing, answer: Answer) -> tuple[int, int] | str:
    """The one range that is sent, "unsatisfiable", or "" for the whole."""
    told = asked.tells("range")
    if told is None or not thing.ranges or asked.method != "GET" or answer.status != 200 or answer.label[0] == "p":
        return ""
    condition = asked.tells("if-range")
    if condition is not None and (condition.startswith("W/") or condition != thing.tag(answer.label)):
        return ""
    first, dash, last = told.removeprefix("bytes=").partition("-")
    if not dash or "," in last:
        return ""
    if not first:
        first, last = str(max(0, answer.length - int(last))), ""
    stop = min(int(last) + 1, answer.length) if last else answer.length
    return (int(first), stop) if int(first) < stop else "unsatisfiable"


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *lines = head[:-4].split("\r\n")
    method, target, _ = line.split(" ")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(fields.get("content-length", "0")))
    return Asked(method, target, fields)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
