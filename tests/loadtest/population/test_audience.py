"""Devices, countries and lines are drawn by their shares."""

from random import Random

import pytest

from loadtest.population.audience import DEVICE_MIX, DEVICES, NETWORK_MIX, NETWORKS, Mix


def test_things_are_drawn_by_their_shares():
    mix, random = Mix({"a": 3, "b": 1, "never": 0}), Random(1)
    drawn = [mix.pick(random) for _ in range(4000)]
    assert drawn.count("a") / 4000 == pytest.approx(0.75, abs=0.03)
    assert "never" not in drawn


@pytest.mark.parametrize("shares", [{}, {"a": 0}, {"a": -1, "b": 2}])
def test_a_mix_of_nothing_is_refused(shares):
    with pytest.raises(ValueError, match="shares"):
        Mix(shares)


def test_the_mixes_name_what_there_is():
    assert set(DEVICE_MIX) <= set(DEVICES)
    assert set(NETWORK_MIX) <= set(NETWORKS)
