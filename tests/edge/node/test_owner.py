"""The owner's part: what it tells workers, and how it has one killed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import edge.node.owner as owner_module
from edge.counters import Counts
from edge.fleet.apply import FleetState
from edge.node.hub import WorkerNotKilled
from edge.node.owner import NodeOwner
from edge.node.processes.place import NodePlace
from edge.policy.rules import Rules
from edge.serve.connection_limits import ConnectionCounts
from edge.tasks import TaskOwner
from edge.wire.head import Limits
from kernel.fleet.messages import KEYS, RULES, Version


class Link:
    on_message: Any = None

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, **members: Any) -> None:
        self.sent.append(members)


def owner(state: FleetState | None, draining: bool = False) -> tuple[NodeOwner, Link]:
    limits = SimpleNamespace(counts=ConnectionCounts())
    edge: Any = SimpleNamespace(
        cache=None, clock=None, counts=Counts(), tasks=None, handler=None, locator=None, connection_limits=limits,
        draining=draining, fleet_state=state,
    )  # fmt: skip
    link = Link()
    return NodeOwner(NodePlace(0, 2, str(Path("/f")), (), -1, "/b", 0), edge, link, Limits()), link  # type: ignore[arg-type]


def test_workers_learn_what_control_said() -> None:
    versions = {RULES: Version("e", 3), KEYS: Version("e", 5)}
    jwk = {"kid": "k", "kty": "OKP"}
    made, _ = owner(FleetState(rules=Rules(version=3), jwks={"k": jwk}, versions=versions), draining=True)
    said = made.state()
    assert said["rulesVersion"] == 3
    assert said["keys"] == [jwk]
    assert said["keysVersion"] == ("e", 5)
    assert said["draining"]


def test_without_control_workers_read_the_files_themselves() -> None:
    assert owner(None)[0].state() == {"draining": False}


def test_a_killed_worker_is_confirmed_by_the_supervisor() -> None:
    async def run() -> None:
        made, link = owner(None)
        killing = TaskOwner(lambda error: None).spawn(made.kill(1))
        await asyncio.sleep(0)
        assert link.sent == [{"kill": 1, "number": 1}]
        assert not killing.done()
        link.on_message({"killed": 1})
        await asyncio.wait_for(killing, 5)

    asyncio.run(run())


def test_a_worker_that_the_supervisor_does_not_kill_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """The purge that it was to be killed for was acknowledged, although it might serve on."""
    monkeypatch.setattr(owner_module, "KILL_SECONDS", 0.0)
    with pytest.raises(WorkerNotKilled):
        asyncio.run(owner(None)[0].kill(1))
