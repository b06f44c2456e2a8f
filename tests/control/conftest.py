"""What the tests of control share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from control.plane import Plane
from control.settings import ControlSettings
from control.store import Store
from kernel.settings import resolve
from tests.scenario.memory_control import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def until() -> Callable:
    async def wait(condition: Callable[[], object]) -> None:
        """Let everything run until the condition holds."""
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def open_store(tmp_path: Path) -> Callable:
    @asynccontextmanager
    async def opened(path: Path = tmp_path / "control.sqlite3") -> AsyncIterator[Store]:
        store = await Store.open(path)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(store.run())
                try:
                    yield store
                finally:
                    await store.close()
        finally:
            await store.dispose()

    return opened


@pytest.fixture
def open_plane(open_store: Callable, clock: HandClock) -> Callable:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Plane]:
        async with open_store() as store:
            yield Plane(store, clock)

    return opened


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable:
    def made(**texts: str) -> ControlSettings:
        given = {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "data": str(tmp_path / "data"), "drain": "5s"} | texts
        return resolve(ControlSettings, flags={name: [text] for name, text in given.items()})

    return made
