"""A node joins, renews by itself, and says what is wrong."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from control.app import running
from control.settings import ControlSettings
from control.trust.enrolment import Invitation
from kernel.errors import BadSettings, UpstreamFailed
from kernel.fleet.identity import read_token
from kernel.settings.setting_types import Address
from kernel.settings.table import resolve
from rpc.control_client import ControlClient
from rpc.enrol import enrol
from rpc.identity_file import Credentials, IdentityFile
from rpc.node_identity import NodeIdentity, needs_identity
from tests.certificates import credentials, fleet_authority
from tests.doubles.clock import FakeClock

NOW = time.time()  # noqa: TID251 (TLS libraries look at the machine's clock)


@pytest.fixture
async def control(tmp_path: Path):
    given = {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "enrol_listen": "127.0.0.1:0", "tls": "required"}
    given |= {"data": str(tmp_path / "control"), "drain": "1s"}
    async with running(resolve(ControlSettings, flags={name: [text] for name, text in given.items()})) as found:
        yield found


async def token_of(control, node_id: str = "e1", role: str = "edge") -> str:
    return (await control.plane.enrolment.invite(Invitation(node_id, role), author="operator")).text


def node(control, folder: Path, clock: FakeClock, node_id: str = "e1", role: str = "edge") -> NodeIdentity:
    return NodeIdentity(
        folder / "fleet", node_id, role, [str(control.listen)], clock,
        token_file=folder / "token", enrol_at=[str(control.enrol)], jitter=lambda: 0.0,
    )  # fmt: skip


async def test_a_node_joins_once_and_knows_itself_again(control, tmp_path: Path) -> None:
    token, file = await token_of(control, "s1", "service"), tmp_path / "token"
    file.write_text(token + "\n")
    first = node(control, tmp_path, FakeClock(NOW), "s1", "service")
    async with ControlClient(str(control.listen), identity=first, attempts=1) as client:
        assert (await client.status()).titles == 0
    assert not file.exists()
    again = node(control, tmp_path, FakeClock(NOW), "s1", "service")
    assert again.current == first.current
    file.write_text(token)  # a kill before it was removed
    assert await again.credentials() == first.current
    assert not file.exists()


async def test_a_token_of_another_node_is_not_spent(control, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(await token_of(control, "e2"))
    with pytest.raises(UpstreamFailed, match="is for e2, not for e1"):
        await node(control, tmp_path, FakeClock(NOW)).credentials()
    assert (await node(control, tmp_path, FakeClock(NOW), "e2").credentials()).identity.id == "e2"


async def test_an_answer_that_was_lost_is_had_again(control, tmp_path: Path) -> None:
    token = await token_of(control)
    (tmp_path / "token").write_text(token)
    key = IdentityFile(tmp_path / "fleet").pending_key()
    await node(control, tmp_path, FakeClock(NOW)).credentials()
    (tmp_path / "fleet" / "identity.pem").unlink()
    (tmp_path / "fleet" / "identity.key").write_bytes(key)
    (tmp_path / "token").write_text(token)
    held = await node(control, tmp_path, FakeClock(NOW)).credentials()
    assert (held.identity.id, held.key) == ("e1", key)


async def test_a_secret_is_not_told_to_who_is_not_of_the_tokens_authority(control, tmp_path: Path) -> None:
    other = fleet_authority()
    token = await token_of(control)
    fake = token.replace(token.split("-")[1], _base32(other.fingerprint))
    assert read_token(fake)[0] == other.fingerprint
    with pytest.raises(UpstreamFailed, match="nothing was sent"):
        await enrol(str(control.enrol), fake, b"request")
    with pytest.raises(UpstreamFailed):
        await enrol("127.0.0.1:1", token, b"request")


def _base32(data: bytes) -> str:
    import base64

    return base64.b32encode(data).decode().rstrip("=").lower()


async def test_a_certificate_is_renewed_at_two_thirds_of_its_life_and_used_at_once(control, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(await token_of(control, "s1", "service"))
    clock = FakeClock(NOW)
    who = node(control, tmp_path, clock, "s1", "service")
    before = await who.credentials()
    async with ControlClient(str(control.listen), identity=who, attempts=1) as client:
        await client.status()
        task = asyncio.ensure_future(who.run())  # noqa: TID251 (the test owns it)
        await _until(lambda: clock.waiting)
        clock.move((before.identity.renew_at() - NOW) - 10)
        assert who.current is before
        clock.move(20)
        await _until(lambda: who.current is not before)
        assert who.current is not None
        assert who.current.key != before.key
        assert IdentityFile(tmp_path / "fleet").load() == who.current
        await client.status()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_renewal_that_fails_is_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    IdentityFile(tmp_path / "fleet").save(credentials(fleet_authority(), life=600))
    clock = FakeClock(NOW)
    who = NodeIdentity(tmp_path / "fleet", "e1", "edge", ["127.0.0.1:1"], clock, jitter=lambda: 0.0)
    held = who.current
    task = asyncio.ensure_future(who.run())  # noqa: TID251 (the test owns it)
    await _until(lambda: clock.waiting)
    clock.move(500)
    await _until(lambda: clock.waiting)
    clock.move(50)
    await _until(lambda: clock.waiting)
    said = capsys.readouterr()
    assert "certificate-renewal-failed" in said.out + said.err
    assert who.current is held
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_cannot_be_this_nodes_is_named(tmp_path: Path) -> None:
    clock, made = FakeClock(NOW), credentials(fleet_authority(), life=60)
    with pytest.raises(BadSettings, match="enrol_token"):
        NodeIdentity(tmp_path, "e1", "edge", ["127.0.0.1:1"], clock, token_file=tmp_path / "none")
    IdentityFile(tmp_path).save(made)
    with pytest.raises(BadSettings, match="is the identity of edge e1, not of shield e1"):
        NodeIdentity(tmp_path, "e1", "shield", ["127.0.0.1:1"], clock)
    (tmp_path / "token").write_text("junk")
    held = NodeIdentity(tmp_path, "e1", "edge", ["127.0.0.1:1"], clock, token_file=tmp_path / "token")
    assert (await held.credentials()).key == made.key  # the token is of no use, the identity still is
    clock.move(61)
    with pytest.raises(UpstreamFailed, match="no enrolment token"):
        await held.credentials()
    (tmp_path / "token").unlink()
    with pytest.raises(UpstreamFailed, match="certificate has expired"):
        await held.credentials()
    (tmp_path / "identity.pem").write_text("junk")
    with pytest.raises(BadSettings, match="enrol this node again"):
        NodeIdentity(tmp_path, "e1", "edge", ["127.0.0.1:1"], clock)


def test_without_an_identity_control_is_spoken_to_on_loopback_alone(tmp_path: Path) -> None:
    near, far = Address("127.0.0.1", 1), Address("192.0.2.1", 1)
    assert not needs_identity(tmp_path, [near, Address("localhost", 2)], None, [])
    with pytest.raises(BadSettings, match="not a loopback address"):
        needs_identity(tmp_path, [near, far], None, [])
    with pytest.raises(BadSettings, match="enrol_at"):
        needs_identity(tmp_path, [far], tmp_path / "token", [])
    with pytest.raises(BadSettings, match="fleet_dir"):
        needs_identity(None, [far], tmp_path / "token", [far])
    assert needs_identity(tmp_path, [far], tmp_path / "token", [far])
    IdentityFile(tmp_path).save(credentials(fleet_authority()))
    assert needs_identity(tmp_path, [far], None, [])
    assert isinstance(IdentityFile(tmp_path).load(), Credentials)


async def _until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)
