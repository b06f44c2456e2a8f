"""Control's gRPC door, by a real connection on loopback."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import grpc
import grpc.aio
import pytest

from control.app import running
from control.db.store import Store
from edge.fleet.subscribe import Subscriber
from edge.policy.authorise import is_revoked, licence_refusal
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.errors import BadRequest, BadSettings, StorageFailed, UpstreamFailed
from kernel.fleet.messages import Hello
from kernel.vocabulary import Refusal
from rpc.channel import open_channel
from rpc.control_client import ControlClient
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import FleetStub
from system.clock import SystemClock

JWKS = public_jwks(generate_ed25519_pem(), "k1")


def subscriber(control: str, folder: Path) -> Subscriber:
    return Subscriber(Hello("e1", region="eu"), [control], folder, SystemClock(), lambda _: None, jitter=lambda: 0.0)


async def test_a_title_reaches_the_edge_and_so_does_a_country_that_is_removed(settings_of, tmp_path, until) -> None:
    async with running(settings_of()) as control, ControlClient(str(control.listen)) as client:
        await client.put_titles([{"contentId": "film", "countries": ["DE", "FR"], "title": "ignored"}], cursor=3)
        await client.put_keys(JWKS)
        edge = subscriber(str(control.listen), tmp_path / "fleet")
        task = asyncio.ensure_future(edge.run())  # noqa: TID251 (the test owns it)
        await asyncio.wait_for(edge.wait_until_started(), 20)
        assert edge.is_connected
        assert licence_refusal(edge.state.rules, "film", "FR", 0) is None
        assert edge.state.keys.find("k1") is not None
        taken = await client.put_titles([{"contentId": "film", "countries": ["DE"]}], cursor=4)
        await until(lambda: licence_refusal(edge.state.rules, "film", "FR", 0) is Refusal.COUNTRY)
        assert taken.cursor == 4
        await client.revoke("s1")
        await until(lambda: is_revoked(edge.state.rules, "s1", time.monotonic()))
        await until(lambda: control.plane.fanout.edges["e1"].applied.get("rules") == taken.revision + 1)
        status = await client.status()
        assert (status.titles, status.keys, dict(status.cursors)) == (1, 1, {"catalogue": 4})
        assert (status.edges[0].id, status.edges[0].connected) == ("e1", True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: not control.plane.fanout.edges["e1"].connected)


async def test_an_edge_finds_control_again_after_its_restart(settings_of, tmp_path, until) -> None:
    async with running(settings_of()) as control:
        listen = str(control.listen)
        await control.plane.put_titles({"film": {"allow": ["DE"]}}, author="operator")
        edge = subscriber(listen, tmp_path / "fleet")
        task = asyncio.ensure_future(edge.run())  # noqa: TID251 (the test owns it)
        await asyncio.wait_for(edge.wait_until_started(), 20)
    await until(lambda: not edge.is_connected)
    assert licence_refusal(edge.state.rules, "film", "DE", 0) is None
    async with running(settings_of(listen=listen)) as control:
        await control.plane.put_titles({"film": {"allow": []}}, author="operator")
        await until(lambda: licence_refusal(edge.state.rules, "film", "DE", 0) is Refusal.COUNTRY)
        await until(lambda: edge.is_connected)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_large_catalogue_arrives_in_parts(settings_of, tmp_path) -> None:
    async with running(settings_of()) as control, ControlClient(str(control.listen)) as client:
        titles = [{"contentId": f"film-{n}", "countries": ["DE"]} for n in range(5_000)]
        taken = await client.put_titles(titles, removed=["film-1"] * 600, cursor=9)
        assert taken.cursor == 9
        again = await client.put_titles(titles[:1], cursor=9)
        assert again == taken
        edge = subscriber(str(control.listen), tmp_path / "fleet")
        task = asyncio.ensure_future(edge.run())  # noqa: TID251 (the test owns it)
        await asyncio.wait_for(edge.wait_until_started(), 20)
        assert len(edge.state.rules.titles) == 4_999
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_wrong_is_told_with_its_place_and_changes_nothing(settings_of, monkeypatch) -> None:
    async with running(settings_of()) as control, ControlClient(str(control.listen), attempts=1) as client:
        with pytest.raises(BadRequest, match=r"titles\.film\.allow\[0\]: 'Germany'"):
            await client.put_titles([{"contentId": "film", "countries": ["Germany"]}])
        with pytest.raises(BadRequest, match="private part"):
            await client.put_keys({"keys": [JWKS["keys"][0] | {"d": "AAAA"}]})
        with pytest.raises(BadRequest, match="until"):
            await client.revoke("s", until="soon")
        assert (await client.status()).titles == 0

        async def fails(*_: object, **__: object) -> None:
            raise StorageFailed("no space left")

        monkeypatch.setattr(Store, "commit", fails)
        with pytest.raises(UpstreamFailed, match="no space left") as caught:
            await client.put_titles([{"contentId": "film", "countries": None}])
        assert caught.value.retry
        monkeypatch.undo()
        await client.put_titles([{"contentId": "film", "countries": None}])


@pytest.mark.parametrize(
    "row",
    [
        {"bytes": float("inf")},
        {"bytes": float("nan")},
        {"bytes": -1.0},
        {"requests": float("inf")},
        {"content_id": "../no id"},
        {"size": 2**64 - 1},
    ],
)
async def test_a_report_out_of_bounds_is_left_out_and_neither_control_nor_the_edge_ends(
    settings_of, until, row
) -> None:
    """Infinite bytes made control exit; a name that is no contentId made every other edge refuse its hot list."""
    async with running(settings_of(default="allow")) as control:
        fanout, good = control.plane.fanout, {"content_id": "film", "rendition": "v720", "bytes": 1e6, "requests": 9.0}
        channel = open_channel(str(control.listen), None)
        call = FleetStub(channel).Subscribe()
        await call.write(pb.FromEdge(hello=pb.Hello(id="e1", role="edge")))
        await call.write(pb.FromEdge(report=pb.Report(seconds=1, popular=[pb.Popular(**good | row)])))
        await until(lambda: fanout.refused_messages["report"] == 1)
        assert fanout.edges["e1"].errors["messages"].startswith("report: popular.")
        assert fanout.edges["e1"].report is None
        await call.write(pb.FromEdge(report=pb.Report(seconds=2, popular=[pb.Popular(**good)])))
        await until(lambda: fanout.edges["e1"].report is not None)
        assert control.plane.hot_titles.popularity.ranked(control.plane.clock.mono())
        control.plane.hot_titles.update_lists()
        call.cancel()
        await channel.close()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (pb.FromEdge(hello=pb.Hello(id="no id")), grpc.StatusCode.FAILED_PRECONDITION),
        (pb.FromEdge(ack=pb.Ack()), grpc.StatusCode.FAILED_PRECONDITION),
        (pb.FromEdge(), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.FromEdge(hello=pb.Hello(id="e" * 2_000)), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_stranger_is_told_why_it_is_hung_up_on(settings_of, message, code) -> None:
    async with running(settings_of()) as control, open_channel(str(control.listen)) as channel:
        call = FleetStub(channel).Subscribe()
        await call.write(message)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in call:
                pass
        assert caught.value.code() is code


async def test_a_second_control_on_the_port_is_refused(settings_of, tmp_path) -> None:
    async with running(settings_of()) as control:
        with pytest.raises(BadSettings, match="listen"):
            async with running(settings_of(listen=str(control.listen), data=str(tmp_path / "other"))):
                pass
