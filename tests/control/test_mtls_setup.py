"""What mTLS stands on, by the settings; what goes out is signed once for all, or for one edge."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from control.app import running
from control.desired.documents import Document
from control.mtls_setup import open_trust
from control.trust.enrolment import Invitation
from edge.fleet.signed_state import SignedState
from edge.fleet.subscribe import Subscriber
from edge.policy.authorise import licence_refusal
from kernel.errors import BadSettings
from kernel.fleet.messages import HOT, RULES, Hello, Version
from kernel.vocabulary import Refusal
from rpc.node_identity import NodeIdentity
from system.clock import SystemClock


async def test_in_plain_text_nothing_is_signed_and_nobody_joins(open_plane, settings_of) -> None:
    async with open_plane() as plane:
        assert await open_trust(settings_of(), plane) is None
        assert plane.enrolment is None


async def test_a_name_of_the_settings_that_cannot_be_one_is_named(open_plane, settings_of) -> None:
    async with open_plane() as plane:
        with pytest.raises(BadSettings, match="server_name"):
            await open_trust(settings_of(tls="required", server_name="münchen"), plane)


def follower(control, folder: Path, node_id: str) -> Subscriber:
    clock = SystemClock()
    who = NodeIdentity(
        folder, node_id, "edge", [str(control.listen)], clock,
        token_file=folder / "token", enrol_at=[str(control.enrol)],
    )  # fmt: skip
    keeper = SignedState(folder, node_id, lambda: who.current and who.current.authority)
    return Subscriber(
        Hello(node_id), [str(control.listen)], folder, clock, lambda _: None,
        connect=who.connect, store=keeper, jitter=lambda: 0.0,
    )  # fmt: skip


async def test_edges_take_what_is_signed_keep_it_and_start_from_it(settings_of, tmp_path: Path, until) -> None:
    async with running(settings_of(tls="required", enrol_listen="127.0.0.1:0")) as control:
        plane = control.plane
        plane.fanout.sources[HOT] = lambda hello: Document(Version("h", 1), b'{"titles":[]}') if hello.id else None
        await plane.put_titles({"film": {"allow": ["DE"]}}, author="operator")
        edges = []
        for name in ("e1", "e2"):
            (tmp_path / name).mkdir()
            assert plane.enrolment is not None
            token = await plane.enrolment.invite(Invitation(name), author="operator")
            (tmp_path / name / "token").write_text(token.text)
            edges.append(follower(control, tmp_path / name, name))
        tasks = [asyncio.ensure_future(edge.run()) for edge in edges]  # noqa: TID251 (the test owns them)
        for edge in edges:
            await asyncio.wait_for(edge.wait_until_started(), 20)
            assert licence_refusal(edge.state.rules, "film", "DE", 0) is None
        await plane.put_titles({"film": {"allow": []}}, author="operator")
        done = plane.store.desired.version(RULES).number
        await until(lambda: all(plane.fanout.edges[name].applied.get(RULES) == done for name in ("e1", "e2")))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    again = follower(control, tmp_path / "e1", "e1")  # control is gone
    task = asyncio.ensure_future(again.run())  # noqa: TID251 (the test owns it)
    await until(lambda: again.state.version(RULES).number == done)
    assert licence_refusal(again.state.rules, "film", "DE", 0) is Refusal.COUNTRY
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (tmp_path / "e1" / "state.signed").read_bytes() != (tmp_path / "e2" / "state.signed").read_bytes()
