"""A worker's link when the other side breaks the protocol; all else is in test_hub.py, over both sides."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge.node.frames import Kind, encode
from edge.node.link_state import LinkState
from edge.tasks import TaskOwner
from tests.edge.node.test_hub import Worker, until


@pytest.mark.parametrize(
    "said",
    [
        encode(Kind.FILES, [["aa-1", []]]),  # before the rules
        encode(Kind.STATE, {"draining": False}) + encode(Kind.FILES, [["aa-1", ["too", "short"]]]),
        b"\xff\xff\xff\xff\x01",
    ],
)
def test_a_link_with_nonsense_is_cut_and_made_anew(tmp_path: Path, said: bytes) -> None:
    joined = 0

    async def owner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal joined
        joined += 1
        await reader.readexactly(5)
        writer.write(said if joined == 1 else encode(Kind.STATE, {"draining": False}))

    async def run() -> None:
        server = await asyncio.start_unix_server(owner, tmp_path / "index")
        tasks = TaskOwner(lambda error: None)
        worker = Worker(tmp_path, tasks)
        states: Any = worker.follower
        await until(lambda: joined == 2 and states.state is LinkState.SYNCING)
        worker.task.cancel()
        server.close()
        await tasks.stop(0.0)

    asyncio.run(run())
