"""Conversations as tables: what an origin answers in turn, what a viewer asks in turn, and what he must get.

A `Talk` is told on any edge: in the suite in memory with a clock that is moved, by hand beside a real one.
`{-10}` in a field is the HTTP date ten seconds before the moment it is said, `{base}` the path of this talk, `{host}`
and `{id}` the names of host and edge.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from kernel.http.dates import format_date
from tests.doubles.response import Response, read_responses

SECONDS = 10.0
HOST = "h.example"
ID = "e1"
_DATE = re.compile(r"\{([+-]?\d+)\}")


@dataclass(frozen=True)
class A:
    """One answer of the origin; its body is its number among the answers unless it says otherwise."""

    fields: tuple[str, ...]
    status: int = 200
    body: str | None = None
    before: str = ""
    framing: str = "length"

    def made(self, number: int, method: str, base: str, now: float) -> bytes:
        body = (self.body if self.body is not None else f"body {number}").encode()
        lines = [said(line, base, now) for line in self.fields]
        bodyless = self.status in (204, 304) or method == "HEAD"
        if self.status not in (204, 304) and not any(line.lower().startswith("content-length:") for line in lines):
            lines.append("Transfer-Encoding: chunked" if self.framing == "chunked" else f"Content-Length: {len(body)}")
        if not any(line.lower().startswith("date:") for line in lines):
            lines.append(f"Date: {format_date(now).decode()}")
        lines = [line for line in lines if line.lower() != "date: none"]
        if self.framing == "chunked":
            trailer = b"X-Trailer: t\r\n"
            body = b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(body), body, trailer)
        head = (
            said(self.before, base, now) + f"HTTP/1.1 {self.status} Said\r\n" + "".join(f"{one}\r\n" for one in lines)
        )
        return head.encode("latin-1") + b"\r\n" + (b"" if bodyless else body)


def a(*fields: str, status: int = 200, body: str | None = None, before: str = "", framing: str = "length") -> A:
    """An answer."""
    return A(fields, status, body, before, framing)


SOME = -1
"""One request or more: how often is tried anew depends on whether the connection was new."""
GONE = A((), status=0)
"""The origin hangs up without a word."""


@dataclass(frozen=True)
class Q:
    """One question of the viewer, and what must come of it.

    `got`: the number of the answer whose body comes. `asks`: requests that reach the origin by it; unless said, one if
    `got` is a new answer. `has`, `lacks`: lines or names in the response's head. `sends`, `keeps`: those in the
    request that reaches the origin. `wait`: seconds before.
    """

    fields: tuple[str, ...] = ()
    method: str = "GET"
    more: str = ""
    body: str = ""
    version: str = "1.1"
    wait: float = 0
    got: int | None = None
    asks: int | None = None
    status: int = 200
    content: str | None = None
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    interim: tuple[int, ...] = ()
    target: str | None = None


def q(*fields: str, **more: Any) -> Q:
    """A question."""
    for name in ("has", "lacks", "sends", "keeps"):
        if isinstance(more.get(name), str):
            more[name] = (more[name],)
    return Q(fields, **more)


@dataclass(frozen=True)
class Talk:
    """`name` begins with the section of the RFC."""

    name: str
    answers: tuple[A, ...]
    questions: tuple[Q, ...]
    settings: tuple[tuple[str, str], ...] = ()


def talk(name: str, answers: list[A], questions: list[Q], **settings: str) -> Talk:
    """A conversation; `settings` are the edge's."""
    return Talk(name, tuple(answers), tuple(questions), tuple(settings.items()))


def said(text: str, base: str, now: float) -> str:
    """A line with its dates and names filled in."""
    text = text.replace("{base}", base).replace("{host}", HOST).replace("{id}", ID)
    return _DATE.sub(lambda match: format_date(now + int(match[1])).decode(), text)


@dataclass
class Request:
    method: str
    target: str
    lines: list[str]
    body: bytes


@dataclass
class Told:
    """What the origin does on one path."""

    answers: tuple[A, ...]
    asked: list[Request] = field(default_factory=list)


class Origin(asyncio.Protocol):
    """A connection to the origin; `told` is shared by all: first segment of the path -> what to say."""

    def __init__(self, told: dict[str, Told], wall: Callable[[], float]) -> None:
        self._told = told
        self._wall = wall
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (found := read_message(self._data)) is not None:
            lines, body, self._data = found
            method, target, _ = lines[0].split(" ", 2)
            base = _base(target)
            told = self._told[base]
            number = len(told.asked)
            told.asked.append(Request(method, target, lines[1:], body))
            answer = told.answers[min(number, len(told.answers) - 1)]
            if answer is GONE:
                self._transport.abort()
                return
            self._transport.write(answer.made(number + 1, method, base, self._wall()))


def _base(target: str) -> str:
    """The talk that a target belongs to: `/c1/...`, in the media profile `/cdn/eu/c1/...`."""
    parts = target.partition("?")[0].split("/")
    return "/".join(parts[: 4 if target.startswith("/cdn/") else 2])


def read_message(data: bytes) -> tuple[list[str], bytes, bytes] | None:
    """(lines of the head, body, what follows) of a request; None while it is not whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    lines = head.decode("latin-1").split("\r\n")
    length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
    return (lines, rest[:length], rest[length:]) if len(rest) >= length else None


class Viewer(asyncio.Protocol):
    """One question, one connection, everything that came."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


Dial = Callable[[Callable[[], Viewer]], Awaitable[Viewer]]
Pass = Callable[[float], Awaitable[None]]


async def tells(
    one: Talk, base: str, told: dict[str, Told], dial: Dial, passes: Pass, wall: Callable[[], float]
) -> None:
    """Have the conversation; AssertionError says which question got what."""
    mine = told[base] = Told(one.answers)
    for number, question in enumerate(one.questions, 1):
        if question.wait:
            await passes(question.wait)
        before = len(mine.asked)
        viewer = await dial(Viewer)
        target = said(question.target if question.target is not None else base + question.more, base, wall())
        lines = "".join(f"{said(line, base, wall())}\r\n" for line in question.fields)
        host = "" if any(line.lower().startswith("host:") for line in question.fields) else f"Host: {HOST}\r\n"
        framing = f"Content-Length: {len(question.body)}\r\n" if question.body else ""
        head = f"{question.method} {target} HTTP/{question.version}\r\n{host}{lines}{framing}Connection: close\r\n\r\n"
        viewer.transport.write(head.encode("latin-1") + question.body.encode())
        async with asyncio.timeout(SECONDS):
            await viewer.ended
        (response,) = read_responses(viewer.data, question.method)
        wanted = question.asks
        if wanted is None:
            wanted = 1 if question.got is not None and question.got > before else 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while len(mine.asked) < before + wanted:
                    await asyncio.sleep(0.001)
        complaint = _complaint(question, response, mine.asked[before:], wanted)
        assert not complaint, f"{one.name}: question {number}: {complaint}\n{response}\n{mine.asked}"


def _complaint(question: Q, response: Response, asked: list[Request], wanted: int) -> str:
    """What is wrong, "" when nothing is."""
    if response.status != question.status:
        return f"status {response.status}, not {question.status}"
    if len(asked) != wanted and not (wanted == SOME and asked):
        return f"the origin was asked {len(asked)} times, not {wanted}"
    if tuple(response.interim) != question.interim:
        return f"interim responses {response.interim}"
    content = question.content
    if content is None and question.got is not None and question.method != "HEAD" and response.status not in (204, 304):
        content = f"body {question.got}"
    if content is not None and response.body.decode() != content:
        return f"body {response.body!r}, not {content!r}"
    if asked and asked[-1].method != question.method:
        return f"the origin saw a {asked[-1].method}"
    return _lines_complained_of(question, response.lines, asked[-1].lines if asked else [])


def _lines_complained_of(question: Q, got: list[str], seen: list[str]) -> str:
    wrong = [f"no {wish!r}" for wish in question.has if not _stands(wish, got)]
    wrong += [f"there is {wish!r}" for wish in question.lacks if _stands(wish, got)]
    wrong += [f"the origin did not see {wish!r}" for wish in question.sends if not _stands(wish, seen)]
    wrong += [f"the origin saw {wish!r}" for wish in question.keeps if _stands(wish, seen)]
    return ", ".join(wrong)


def _stands(wish: str, lines: list[str]) -> bool:
    """Whether a name, a whole line, or `Name~ part of its value` stands among lines, names in any case."""
    wish = said(wish, "", 0)
    name, tilde, part = wish.partition("~ ")
    if tilde:
        return any(line.lower().startswith(name.lower() + ":") and part in line for line in lines)
    name, colon, value = wish.partition(": ")
    for line in lines:
        field_name, _, found = line.partition(":")
        if field_name.lower() == name.lower() and (not colon or found.strip() == value):
            return True
    return False
