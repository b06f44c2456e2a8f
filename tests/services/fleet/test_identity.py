"""Who the services are to control."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import BadSettings
from kernel.settings.table import resolve
from rpc.identity_file import IdentityFile
from services.fleet.identity import make_identity
from services.settings import ServicesSettings
from system.clock import SystemClock
from tests.certificates import credentials, fleet_authority


def settings_of(**texts: str) -> ServicesSettings:
    return resolve(ServicesSettings, flags={name: [text] for name, text in texts.items()})


def test_without_a_control_or_with_one_on_this_machine_there_is_none(tmp_path: Path) -> None:
    assert make_identity(settings_of(), SystemClock()) is None
    assert make_identity(settings_of(control="127.0.0.1:1", fleet_dir=str(tmp_path)), SystemClock()) is None
    with pytest.raises(BadSettings, match="no identity"):
        make_identity(settings_of(control="192.0.2.1:1"), SystemClock())


async def test_a_member_knows_itself(tmp_path: Path) -> None:
    IdentityFile(tmp_path).save(credentials(fleet_authority(), "services", "service"))
    who = make_identity(settings_of(control="192.0.2.1:1", fleet_dir=str(tmp_path)), SystemClock())
    assert who is not None
    assert who.current is not None
