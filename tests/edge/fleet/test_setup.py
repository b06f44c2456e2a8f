"""Whether an edge is a member of a fleet, by its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.fleet.control_link import ControlCallbacks
from edge.fleet.setup import identity_of, subscriber_of
from edge.settings import EdgeSettings
from kernel.errors import BadSettings
from kernel.settings.table import resolve
from rpc.identity_file import IdentityFile
from system.clock import SystemClock
from tests.certificates import credentials, fleet_authority

MADE = credentials(fleet_authority())


def settings_of(folder: Path, **texts: str) -> EdgeSettings:
    given = {"id": "e1", "upstream": "http://127.0.0.1:9", "control": "127.0.0.1:1", "fleet_dir": str(folder)} | texts
    return resolve(EdgeSettings, flags={name: [text] for name, text in given.items()})


def test_on_one_machine_control_is_followed_in_plain_text(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert identity_of(settings, SystemClock()) is None
    assert subscriber_of(settings, SystemClock(), print, ControlCallbacks(), None, None) is not None


def test_a_control_elsewhere_asks_for_an_identity(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"control.*no identity"):
        identity_of(settings_of(tmp_path, control="192.0.2.1:1"), SystemClock())


async def test_a_member_knows_itself(tmp_path: Path) -> None:
    IdentityFile(tmp_path).save(MADE)
    settings = settings_of(tmp_path, control="192.0.2.1:1")
    who = identity_of(settings, SystemClock())
    assert who is not None
    assert who.current == MADE
    assert subscriber_of(settings, SystemClock(), print, ControlCallbacks(), who, None) is not None


async def test_a_folder_of_another_node_is_refused(tmp_path: Path) -> None:
    IdentityFile(tmp_path).save(MADE)
    with pytest.raises(BadSettings, match="identity of edge e1, not of edge e2"):
        identity_of(settings_of(tmp_path, id="e2"), SystemClock())
