"""A short soak: worlds of `make soak`, side by side for some seconds; see run.py."""

import asyncio

from tests.soak.run import WORLDS, Soak

SECONDS = 2.0
SEED = "in the suite"
SHORT = (0, 2)


async def test_every_byte_delivered_is_right(tmp_path):
    soaks = [Soak(WORLDS[number], SEED, tmp_path / str(number), viewers=8) for number in SHORT]
    for soak, (wrongs, count) in zip(soaks, await asyncio.gather(*(one.run(SECONDS) for one in soaks)), strict=True):
        told = [f"{what}\n" + "\n".join(soak.model.story(name)) for name, what in wrongs[:2]]
        assert not told, "\n".join([str(soak.world), *told])
        assert count["requests"] > 20, count
        assert count["bytes checked"], count


def test_the_worlds_hold_every_topology():
    assert {world.profile for world in WORLDS} == {"general", "media"}
    assert {world.policy for world in WORLDS} == {"s3fifo", "lru"}
    assert {world.admission for world in WORLDS} == {"always", "second"}
    assert {world.shield for world in WORLDS} == {True, False}
