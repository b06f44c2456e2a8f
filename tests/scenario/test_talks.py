"""An edge as a general cache, one conversation after another, each named by the section that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from edge.app import Edge
from edge.settings import EdgeSettings
from kernel.settings.table import Address, resolve
from tests.doubles.clock import FakeClock, turns
from tests.doubles.network import MemoryNetwork
from tests.scenario import talks_combined, talks_media, talks_passing, talks_reuse, talks_storing
from tests.scenario.conversation import Origin, Told, Viewer, tells

TALKS = [
    *talks_storing.TALKS, *talks_reuse.TALKS, *talks_combined.TALKS, *talks_passing.TALKS, *talks_media.TALKS,
]  # fmt: skip
SETTINGS = sorted({one.settings for one in TALKS})


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
async def test_talks(settings: tuple[tuple[str, str], ...]) -> None:
    """All that are told under these settings, on one edge; the failures come together."""
    network, clock = MemoryNetwork(), FakeClock()
    told: dict[str, Told] = {}
    listener = await network.listen(Address("127.0.0.1", 0), lambda: Origin(told, clock.wall))
    given = {
        "id": "e1", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "ram": "16MiB", "tokens": "off",
        "profile": "general", "upstream": f"http://{listener.address}",
    } | dict(settings)  # fmt: skip
    edge = Edge(resolve(EdgeSettings, flags={name: [value] for name, value in given.items()}), network, clock)
    await edge.start()
    failed = []
    try:
        for number, one in enumerate(talk for talk in TALKS if talk.settings == settings):
            try:
                await tells(
                    one,
                    f"/cdn/eu/c{number}" if given["profile"] == "media" else f"/c{number}",
                    told,
                    lambda made: _dial(edge, network, made),
                    clock.advance,
                    clock.wall,
                )
            except AssertionError as error:
                failed.append(str(error))
    finally:
        edge.drain()
        edge.listener.abort_connections()
        await turns()
        await edge.stop()
        listener.close()
    assert not failed, f"{len(failed)} failed\n\n" + "\n\n".join(failed)
    assert not edge.unexpected


async def _dial(edge: Edge, network: MemoryNetwork, made: Callable[[], Viewer]) -> Viewer:
    assert edge.address is not None
    _, viewer = await network.dial(edge.address, made, local="127.0.0.1")
    return cast("Viewer", viewer)


def test_names_are_told_once() -> None:
    """A name says which conversation failed."""
    names = [one.name for one in TALKS]
    assert len(names) >= 150
    assert sorted(names) == sorted(set(names))
