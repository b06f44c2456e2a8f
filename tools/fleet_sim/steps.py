"""The measurements of the fleet simulation, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

from control.rollout.rollout import STAGES
from kernel.documents import moment_text
from system.clock import SystemClock
from tools.fleet_sim.agent import HARMFUL_SETTINGS, REFUSED_SETTINGS
from tools.fleet_sim.stage import Simulation, SimulationFailed

MAX_SECONDS = 60.0
"""Timeout of a measurement in seconds."""
IDLE = 8.0
CONTROL_DOWN_SECONDS = 10.0
"""Seconds between killing and restarting control."""
LOOK_EVERY = 0.25
SHARE = 0.1
"""The share of all requests that the rising title gets."""
MIB = 1 << 20
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value; `target` is its upper bound in the same unit; `note` has details."""

    name: str
    value: float | None
    unit: str = "s"
    target: float | None = None
    note: str = ""

    @property
    def is_missed(self) -> bool:
        """Whether the target is missed; also true if the value could not be measured."""
        return self.target is not None and (self.value is None or self.value > self.target)


Step = Callable[[Simulation], Awaitable[list[Figure]]]


def quantile(values: Sequence[float], share: float) -> float | None:
    """The quantile `share` (0 to 1) of the values; None without values."""
    ordered = sorted(values)
    return ordered[max(1, ceil(share * len(ordered))) - 1] if ordered else None


async def measure_joins(stage: Simulation) -> list[Figure]:
    """All agents connect for the first time."""
    began = time.monotonic()
    everybody = stage.fleet.agents
    if not await stage.ledger.wait_until(
        lambda: len(stage.ledger.latest_of("connected")) == everybody, MAX_SECONDS * 2
    ):
        raise SimulationFailed(f"only {len(stage.ledger.latest_of('connected'))} of {everybody} agents connected")
    await stage.ledger.wait_until(lambda: len(stage.ledger.latest_of("applied rules")) == everybody, MAX_SECONDS)
    note = f"spread over {stage.fleet.spread:g} s; {len(stage.ledger.since('failed', began))} attempts failed"
    return [Figure("all agents connected", time.monotonic() - began, note=note)]


async def measure_idle(stage: Simulation) -> list[Figure]:
    """Nothing changes; agents send reports."""
    before, began = stage.control_cpu(), time.monotonic()
    await asyncio.sleep(IDLE)
    share = (stage.control_cpu() - before) / (time.monotonic() - began)
    reports = f"{stage.fleet.agents / 2:g} reports a second, of {stage.fleet.rows} renditions each"
    return [Figure("control's CPU while nothing changes", share * 100, "% of a core", note=reports)]


async def measure_rules(stage: Simulation) -> list[Figure]:
    """Change a licence, three times."""
    last: list[float] = []
    half: list[float] = []
    told: list[float] = []
    for number in range(3):
        began = time.monotonic()
        until = moment_text(CLOCK.wall() + 86_400)  # another one each time
        done = await stage.api("PUT", f"/v1/titles/title-{number}", {"allow": ["CH"], "until": until})
        if not await _applied(stage, done["revision"]):
            last.append(MAX_SECONDS)
            continue
        took = [event.at - began for event in stage.ledger.latest_of("applied rules").values()]
        last.append(max(took))
        half.append(quantile(took, 0.5) or 0.0)
        await _shown(stage, done["revision"])
        told.append(time.monotonic() - began)
    note = f"median agent within {max(half, default=0):.2f} s; control shows it after {max(told, default=0):.2f} s"
    return [Figure("a rules change, applied by the last agent", max(last), target=2.0, note=f"worst of 3; {note}")]


async def _applied(stage: Simulation, revision: int) -> bool:
    def so() -> bool:
        held = stage.ledger.latest_of("applied rules").values()
        return sum(event.number >= revision for event in held) == stage.fleet.agents

    return await stage.ledger.wait_until(so, MAX_SECONDS)


async def _shown(stage: Simulation, revision: int) -> None:
    def so(edges: dict[str, Any]) -> bool:
        return all(one["applied"].get("rules", 0) >= revision for one in edges.values())

    await _until(stage.edges, so)


async def measure_purges(stage: Simulation) -> list[Figure]:
    """Purge a title, five times."""
    seen: list[Mapping[str, Any]] = []
    for number in range(5):
        made = await stage.api("POST", f"/v1/purges?wait={MAX_SECONDS / 2:g}", {"keys": [f"title-{number}"]})
        seen.append(await stage.api("GET", f"/v1/jobs/{made['job']}?wait={MAX_SECONDS / 2:g}"))
    missing = sum(one["counts"]["nodes"] - one["counts"]["receipts"] for one in seen)
    late = max(one["receiptSeconds"]["p99"] or MAX_SECONDS for one in seen)
    half = max(one["receiptSeconds"]["p50"] or MAX_SECONDS for one in seen)
    last = max(one["receiptSeconds"]["last"] or MAX_SECONDS for one in seen)
    note = f"worst of 5, {stage.fleet.shields} shields first; p50 {half:.2f} s, last {last:.2f} s"
    return [
        Figure("a purge, 99 % of the receipts", late, target=1.0, note=note),
        Figure("receipts that are missing", missing, "", target=0),
    ]


async def measure_bad_settings(stage: Simulation) -> list[Figure]:
    """Push settings that agents refuse, then settings that make them report errors."""
    figures = []
    most = ceil(STAGES[0].share * stage.fleet.agents)
    for name, settings, kind in (
        ("refused", REFUSED_SETTINGS, "nack settings"),
        ("harmful", HARMFUL_SETTINGS, "settings"),
    ):
        began = time.monotonic()
        await stage.api("PUT", "/v1/settings?reason=simulation", {"layers": {"all": settings}})
        over = await _until(
            partial(stage.api, "GET", "/v1/settings"), lambda told: told["rollout"]["state"] in ("reverted", "done")
        )

        def without() -> bool:
            held = stage.ledger.latest_of("settings").values()
            return all(event.text != HARMFUL_SETTINGS["default_ttl"] for event in held)

        back = over is not None and await stage.ledger.wait_until(without, MAX_SECONDS)
        took = time.monotonic() - began if back else None
        reached = {
            event.agent
            for event in stage.ledger.since(kind, began)
            if kind != "settings" or event.text == settings["default_ttl"]
        }
        why = over["rollout"]["why"] if over else ""
        figures.append(Figure(f"{name} settings, rolled back everywhere", took, target=30.0, note=why))
        figures.append(Figure(f"agents reached by {name} settings", len(reached), "", target=most))
    return figures


async def _until(
    ask: Callable[[], Awaitable[dict[str, Any]]], so: Callable[[dict[str, Any]], bool]
) -> dict[str, Any] | None:
    """Poll control until `so` is true of its response. Returns that response; None on timeout."""
    for _ in range(int(MAX_SECONDS / LOOK_EVERY)):
        told = await ask()
        if so(told):
            return told
        await asyncio.sleep(LOOK_EVERY)
    return None


async def measure_hot_title(stage: Simulation) -> list[Figure]:
    """A new title gets a tenth of all requests."""
    title, began = "rising", time.monotonic()
    stage.send_to_agents({"rise": [title, SHARE]})

    def rows(told: dict[str, Any]) -> list[dict[str, Any]]:
        return [row for row in told["hot"] if row["contentId"] == title]

    def everywhere(told: dict[str, Any]) -> bool:
        return bool({row["region"] for row in rows(told)} == set(told["regions"]))

    listed = await _until(partial(stage.api, "GET", "/v1/hot?limit=1000"), everywhere)
    on_list = time.monotonic() - began
    if listed is None:
        return [Figure("a rising title, on the hot list", None, target=10.0)]
    wanted: int = sum(row["replicas"] for row in rows(listed))

    def placed() -> bool:
        held = stage.ledger.latest_of("hot").values()
        return sum(title in event.text.split() for event in held) >= wanted

    there = await stage.ledger.wait_until(placed, MAX_SECONDS)
    took = time.monotonic() - began if there else None
    return [
        Figure("a rising title, on every region's hot list", on_list, target=10.0),
        Figure("its documents at all replicas", took, target=30.0, note=f"{wanted} replicas"),
    ]


async def measure_restart(stage: Simulation) -> list[Figure]:
    """Kill control, and restart it after a while."""
    killed = time.monotonic()
    await stage.kill_control()
    await asyncio.sleep(CONTROL_DOWN_SECONDS)
    started = await stage.start_control()
    ready = time.monotonic()
    before = stage.control_cpu()

    def back() -> bool:
        return sum(event.at > killed for event in stage.ledger.latest_of("connected").values()) == stage.fleet.agents

    all_back = await stage.ledger.wait_until(back, MAX_SECONDS)
    took = [event.at - ready for event in stage.ledger.latest_of("connected").values() if event.at > killed]
    failed = len(stage.ledger.since("failed", ready))
    half, cpu = quantile(took, 0.5) or 0.0, stage.control_cpu() - before
    note = f"down {CONTROL_DOWN_SECONDS:g} s, starts in {started:.1f} s; p50 {half:.1f} s; {cpu:.1f} CPU s used"
    return [
        Figure("all agents back after control was killed", max(took) if all_back else None, target=15.0, note=note),
        Figure("agents that did not come back", stage.fleet.agents - len(took), "", target=0),
        Figure("failed connections after control's restart", failed, "", target=0, note="agents retry each"),
    ]


async def measure_after_restart(stage: Simulation) -> list[Figure]:
    """Repeat the key measurements after the restart, and measure control's memory."""
    again = await measure_rules(stage)
    stage.record_memory()
    told = [Figure(f"{one.name}, after the restart", one.value, one.unit, one.target, one.note) for one in again]
    return [*told, Figure("control's memory, at most", stage.peak / MIB, "MiB", target=1024.0)]


STEPS: dict[str, Step] = {
    "joins": measure_joins,
    "rests": measure_idle,
    "rules": measure_rules,
    "purges": measure_purges,
    "hot": measure_hot_title,
    "settings": measure_bad_settings,
    "restart": measure_restart,
    "after": measure_after_restart,
}
"""The measurements in order; `joins` must be the first."""
QUICK = ("joins", "rules", "purges", "after")
