"""A short soak: the same worlds as `make soak`, for some seconds; see run.py."""

import pytest

from tests.soak.run import WORLDS, Soak

SECONDS = 2.5
SEED = "in the suite"


@pytest.mark.parametrize("number", [0, 2], ids=lambda number: WORLDS[number].name)
async def test_every_byte_delivered_is_right(number, tmp_path):
    soak = Soak(WORLDS[number], SEED, tmp_path, viewers=12)
    wrongs, count = await soak.run(SECONDS)
    told = [f"{what}\n" + "\n".join(soak.model.story(name)) for name, what in wrongs[:2]]
    assert not told, "\n".join(told)
    assert count["requests"] > 50, count
    assert count["bytes checked"], count


def test_worlds_hold_every_topology():
    assert {world.profile for world in WORLDS} == {"general", "media"}
    assert {world.policy for world in WORLDS} == {"s3fifo", "lru"}
    assert {world.admission for world in WORLDS} == {"always", "second"}
    assert {world.shield for world in WORLDS} == {True, False}
