"""How many files a reader opens to follow one request through `handle`, and how often they are sent back.

A *return* is a distinct call from a file into one that was entered before. Calls of the standard library and of the
packages below the edge are not counted. The bounds may only shrink.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import edge
from tests.scenario.stage import Scenario
from tests.scenario.wire import FOLDER, Wire

MAX_FILES, MAX_RETURNS = 12, 6
EDGE = str(Path(edge.__file__).parent)


class Calls:
    """The files of the edge in the order in which they are entered, and the calls that go back to one of them."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.returns: set[tuple[str, str, str]] = set()
        self._stack: list[str | None] = []

    def on_event(self, frame: FrameType, event: str, _: object) -> None:
        if event == "return" and self._stack:
            self._stack.pop()
        elif event == "call":
            name = frame.f_code.co_filename
            file = name.removeprefix(EDGE) if name.startswith(EDGE) else None
            caller = next((one for one in reversed(self._stack) if one is not None), None)
            self._stack.append(file)
            if file is None:
                return
            if file not in self.files:
                self.files.append(file)
            elif caller is not None and self.files.index(file) < self.files.index(caller):
                self.returns.add((caller, file, frame.f_code.co_name))


@contextmanager
def recorded_calls(handler: Any) -> Iterator[Calls]:
    """Record the next calls of `handle`; nothing after a wait is recorded."""
    calls, handle = Calls(), handler.handle

    def profiled(*given: object) -> None:
        before: Callable[..., Any] | None = sys.getprofile()
        sys.setprofile(calls.on_event)
        try:
            handle(*given)
        finally:
            sys.setprofile(before)

    handler.handle = profiled
    try:
        yield calls
    finally:
        del handler.handle


async def ready(s: Scenario) -> tuple[Any, Wire, str]:
    """An edge that has everything to decide: tokens, a licence, a revoked session, an access log."""
    rules = s.folder / "rules.json"
    rules.write_text('{"titles": {"title1": {"allow": ["DE"]}}, "revoked_sessions": ["another"]}')
    origin = s.origin("o1")
    origin.expects(f"{FOLDER}1.m4s").answers(200, b"segment", cache_control="max-age=600")
    node = s.edge("e1", upstream=origin, tokens="required", rules=rules)
    wire = await Wire.to(await node.started())
    assert node.edge is not None
    return node.edge.handler, wire, f"/t/{s.token('/cdn/eu/title1/', session='one')}"


@pytest.mark.parametrize(
    ("status", "extra", "warm", "has_token"),
    [
        pytest.param(200, "", False, True, id="miss"),
        pytest.param(200, "X-Any: 1\r\n", True, True, id="hit"),
        pytest.param(206, "Range: bytes=1-2\r\n", True, True, id="part"),
        pytest.param(304, "If-None-Match: *\r\n", True, True, id="not-modified"),
        pytest.param(401, "", True, False, id="refusal"),
    ],
)
async def test_a_request_is_followed_through_few_files(
    tcp: Scenario, status: int, extra: str, warm: bool, has_token: bool
) -> None:
    handler, wire, token = await ready(tcp)
    if warm:
        wire.asks("1.m4s", before=token)
        assert (await wire.gets())[0] == 200
    with recorded_calls(handler) as calls:
        wire.asks("1.m4s", extra=extra, before=token if has_token else "")
        assert (await wire.gets())[0] == status
    wire.writer.close()
    assert calls.files[0] == "/serve/handler.py"
    assert len(calls.files) <= MAX_FILES, calls.files
    assert len(calls.returns) <= MAX_RETURNS, sorted(calls.returns)
