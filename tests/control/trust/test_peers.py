"""Who may call what, over real TLS: everybody else gets nothing."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest

from control.app import Running, running
from control.db.store import Author
from control.fleet.nodes import remove_node
from control.trust.authority import Authority
from control.trust.enrolment import Invitation
from kernel.errors import UpstreamFailed
from kernel.fleet.identity import make_key, request
from kernel.fleet.messages import Hello
from rpc.channel import open_channel
from rpc.control_client import ControlClient
from rpc.edge_stream import EdgeStream
from rpc.enrol import enrol
from rpc.identity_file import Credentials
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import FleetStub

NOW = time.time()  # noqa: TID251 (TLS libraries look at the machine's clock)


@pytest.fixture
def fleet(settings_of) -> Callable:
    @asynccontextmanager
    async def made(**texts: str) -> AsyncIterator[Running]:
        async with running(settings_of(tls="required", enrol_listen="127.0.0.1:0", **texts)) as control:
            yield control

    return made


async def joined(control: Running, node_id: str = "e1", role: str = "edge") -> Credentials:
    assert control.plane.enrolment is not None
    token = await control.plane.enrolment.invite(Invitation(node_id, role, "eu"), author="operator")
    key = make_key()
    chain, authority = await enrol(str(control.enrol), token.text, request(key, node_id))
    return Credentials.from_parts(key, chain, authority)


def issued(folder: Path, node_id: str = "e1", role: str = "edge", now: float = NOW, life: float = 600) -> Credentials:
    """A certificate that control itself did not give."""
    authority, key = Authority.open(folder, NOW), make_key()
    return Credentials.from_parts(key, authority.issue(request(key, node_id), node_id, role, now, life), authority.pem)


async def hello(control: Running, shown: Credentials | None, said: str = "e1", role: str = "edge") -> str:
    """What comes of saying hello: "taken", the word of gRPC, or "nothing" where not even TLS stands.

    Where the server's refusal crosses the client's message, gRPC's core resets the stream and reports "internal" in
    place of the refusal: such a hello is said again.
    """
    for _ in range(5):
        answer = await _hello_once(control, shown, said, role)
        if answer != "internal":
            break
    return answer


async def _hello_once(control: Running, shown: Credentials | None, said: str, role: str) -> str:
    try:
        stream = await EdgeStream.connect(str(control.listen), shown)
    except UpstreamFailed:
        return "nothing"
    try:
        await stream.send(Hello(said, role))
        async for _ in stream:
            return "taken"
    except UpstreamFailed as error:
        return str(error).split(": ")[1]
    finally:
        await stream.close()
    return "closed"


async def test_who_has_joined_is_taken_and_nobody_else(fleet, tmp_path: Path) -> None:
    async with fleet() as control:
        ours = tmp_path / "data" / "ca"
        e1 = await joined(control)
        assert await hello(control, e1) == "taken"
        assert await hello(control, e1, said="e2") == "permission denied"
        assert await hello(control, e1, role="shield") == "permission denied"
        assert await hello(control, None) == "nothing"
        assert await hello(control, issued(ours, now=NOW - 5_000)) == "nothing"  # ended
        assert await hello(control, issued(ours, now=NOW + 5_000)) == "nothing"  # not yet valid
        assert await hello(control, issued(ours, "e9"), "e9") == "permission denied"  # never enrolled
        other = issued(tmp_path / "other")
        assert await hello(control, other) == "nothing"  # trusts another authority
        liar = Credentials(other.key, other.chain, e1.authority, other.identity)
        assert await hello(control, liar) == "nothing"  # trusts ours, and shows one of another
        assert "e9" not in control.plane.fanout.edges


async def test_each_role_has_its_calls(fleet) -> None:
    async with fleet() as control:
        edge, service = await joined(control), await joined(control, "s1", "service")
        assert await hello(control, service, "s1") == "permission denied"
        async with open_channel(str(control.listen), edge) as channel:
            stub = FleetStub(channel)
            for call, message in (
                (stub.PutTitles, pb.PutTitlesRequest()),
                (stub.PutKeys, pb.PutKeysRequest(jwks=b'{"keys":[]}')),
                (stub.Revoke, pb.RevokeRequest(session="s")),
                (stub.Status, pb.StatusRequest()),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(message)
                assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        async with open_channel(str(control.listen), service) as channel:
            assert (await FleetStub(channel).Revoke(pb.RevokeRequest(session="s"))).revision
            chain = (await FleetStub(channel).Renew(pb.RenewRequest(request=request(make_key(), "whoever")))).chain
            assert b"BEGIN CERTIFICATE" in chain
        async with ControlClient(str(control.listen), attempts=1) as plain:
            with pytest.raises(UpstreamFailed):
                await plain.status()


async def test_a_node_that_is_forgotten_is_hung_up_on_and_cannot_renew(fleet, until) -> None:
    async with fleet() as control:
        e1 = await joined(control)
        stream = await EdgeStream.connect(str(control.listen), e1)
        await stream.send(Hello("e1"))
        await until(lambda: "e1" in control.plane.fanout.connected_here)
        await control.plane.store.transact(lambda tx: remove_node(tx, "e1"), Author("operator", NOW))
        with pytest.raises(UpstreamFailed, match="no longer enrolled"):
            async for _ in stream:
                pass
        await stream.close()
        assert await hello(control, e1) == "permission denied"
        async with open_channel(str(control.listen), e1) as channel:
            with pytest.raises(grpc.aio.AioRpcError, match="not enrolled"):
                await FleetStub(channel).Renew(pb.RenewRequest(request=request(make_key(), "e1")))


async def test_who_was_enrolled_anew_has_no_use_for_its_old_certificate(fleet, tmp_path: Path) -> None:
    async with fleet() as control:
        await joined(control)
        stolen = issued(tmp_path / "data" / "ca", now=NOW - 100, life=86_400.0)
        assert await hello(control, stolen) == "permission denied"


async def test_a_connection_ends_with_its_certificate(fleet, tmp_path: Path) -> None:
    async with fleet() as control:
        await joined(control)
        soon = issued(tmp_path / "data" / "ca", now=time.time(), life=1.5)  # noqa: TID251 (as above)
        assert "certificate of this connection has expired" in await said_at_the_end(control, soon)


async def said_at_the_end(control: Running, shown: Credentials) -> str:
    stream = await EdgeStream.connect(str(control.listen), shown)
    await stream.send(Hello("e1"))
    try:
        async for _ in stream:
            pass
    except UpstreamFailed as error:
        return str(error)
    finally:
        await stream.close()
    return ""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
async def test_old_tls_is_not_spoken(fleet) -> None:
    async with fleet() as control:
        for address in (control.listen, control.enrol):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(address.host, address.port, ssl=context)
