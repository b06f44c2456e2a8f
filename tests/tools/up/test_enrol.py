"""The nodes of `matinee up` get tokens, each that needs one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import BadSettings
from rpc.identity_file import IdentityFile
from tests.certificates import NOW, credentials, fleet_authority
from tools.up.enrol import enrol_members
from tools.up.plan import Addresses, Plan

OURS, OTHERS = fleet_authority(), fleet_authority()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    made = Plan(Addresses(8080), tmp_path, "DE", None, 5.0)
    made.authority.parent.mkdir(parents=True)
    made.authority.write_bytes(OURS.pem)
    made.control_key.write_text("key\n")
    return made


async def test_who_has_no_identity_of_this_fleet_that_holds_gets_a_token(plan: Plan) -> None:
    folders = {member.id: IdentityFile(member.folder) for member in plan.members}
    folders["shield1"].save(credentials(OURS, "shield1", "shield"))
    folders["edge1"].save(credentials(OTHERS, "edge1"))  # the control of a state before
    folders["edge2"].save(credentials(OURS, "edge2", now=NOW - 5_000))  # ended
    asked = []

    async def ask(api: str, key: str, body: dict) -> dict:
        asked.append((api, key, body["id"], body["role"]))
        return {"token": f"token-of-{body['id']}"}

    assert await enrol_members(plan, NOW, ask) == ["edge1", "edge2", "services"]
    rest = plan.addresses.control_rest
    assert asked[0] == (rest, "key", "edge1", "edge")
    assert asked[2] == (rest, "key", "services", "service")
    token = next(member.token for member in plan.members if member.id == "edge2")
    assert token.read_text() == "token-of-edge2\n"
    assert token.stat().st_mode & 0o777 == 0o600


async def test_a_control_that_has_no_authority_is_named(plan: Plan) -> None:
    plan.authority.unlink()
    with pytest.raises(BadSettings, match="FRESH=1"):
        await enrol_members(plan, NOW)
