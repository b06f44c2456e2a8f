"""One table of a door's settings for all programs."""

import dataclasses

from kernel.settings.door_settings import LOOPBACK, DoorSettings, Patience, limits_of
from kernel.settings.table import resolve, table
from tools.docs import load


def test_every_program_with_a_door_of_its_own_has_the_whole_table():
    names = {row.name for row in table(DoorSettings)}
    for program in ("origin", "control", "services"):
        assert names <= {row.name for row in table(load(f"{program}.__main__").SETTINGS)}


def test_limits_are_what_the_settings_say():
    settings = resolve(DoorSettings, flags={"head_timeout": ["2s"], "max_connections": ["7"]})
    limits = limits_of(settings, ["net"])
    assert limits.patience == dataclasses.replace(Patience(), head=2.0)
    assert (limits.connections, limits.per_address, limits.exempt) == (7, 1, ("net", *LOOPBACK))
    counted = resolve(DoorSettings, flags={"max_connections_per_address": ["9"]})
    assert (limits_of(counted).per_address, limits_of(counted).exempt) == (9, ())
