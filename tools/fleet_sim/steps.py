"""What the simulated fleet is put through, and what is measured of it."""

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
from tools.fleet_sim.agent import HARMFUL, REFUSED
from tools.fleet_sim.stage import SimulationFailed, Stage

MAX_SECONDS = 60.0
"""Seconds after which a measurement is given up."""
IDLE = 8.0
AWAY = 10.0
"""Seconds that control is away when it is killed."""
LOOK_EVERY = 0.25
SHARE = 0.1
"""Of all requests, that the title takes which rises from nothing."""
MIB = 1 << 20
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured; `target`: what it must not exceed, in the same unit; `note` says more."""

    name: str
    value: float | None
    unit: str = "s"
    target: float | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether it is not what it has to be; what could not be measured is missed too."""
        return self.target is not None and (self.value is None or self.value > self.target)


Step = Callable[[Stage], Awaitable[list[Figure]]]


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of them does not exceed; None of nothing."""
    ordered = sorted(values)
    return ordered[max(1, ceil(share * len(ordered))) - 1] if ordered else None


async def joins(stage: Stage) -> list[Figure]:
    """All agents come for the first time."""
    began = time.monotonic()
    everybody = stage.fleet.agents
    if not await stage.ledger.until(lambda: len(stage.ledger.of("connected")) == everybody, MAX_SECONDS * 2):
        raise SimulationFailed(f"only {len(stage.ledger.of('connected'))} of {everybody} agents have come")
    await stage.ledger.until(lambda: len(stage.ledger.of("applied rules")) == everybody, MAX_SECONDS)
    note = f"spread over {stage.fleet.spread:g} s; {len(stage.ledger.since('failed', began))} attempts failed"
    return [Figure("all agents connected", time.monotonic() - began, note=note)]


async def rests(stage: Stage) -> list[Figure]:
    """Nothing changes; agents report."""
    before, began = stage.cpu(), time.monotonic()
    await asyncio.sleep(IDLE)
    share = (stage.cpu() - before) / (time.monotonic() - began)
    reports = f"{stage.fleet.agents / 2:g} reports a second, of {stage.fleet.rows} renditions each"
    return [Figure("control's CPU while nothing changes", share * 100, "% of a core", note=reports)]


async def rules(stage: Stage) -> list[Figure]:
    """A licence changes, three times."""
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
        took = [event.at - began for event in stage.ledger.of("applied rules").values()]
        last.append(max(took))
        half.append(quantile(took, 0.5) or 0.0)
        await _shown(stage, done["revision"])
        told.append(time.monotonic() - began)
    note = f"half of them within {max(half, default=0):.2f} s; control tells so after {max(told, default=0):.2f} s"
    return [Figure("a rules change, applied by the last agent", max(last), target=2.0, note=f"worst of 3; {note}")]


async def _applied(stage: Stage, revision: int) -> bool:
    def so() -> bool:
        held = stage.ledger.of("applied rules").values()
        return sum(event.number >= revision for event in held) == stage.fleet.agents

    return await stage.ledger.until(so, MAX_SECONDS)


async def _shown(stage: Stage, revision: int) -> None:
    def so(edges: dict[str, Any]) -> bool:
        return all(one["applied"].get("rules", 0) >= revision for one in edges.values())

    await _until(stage.edges, so)


async def purges(stage: Stage) -> list[Figure]:
    """A title is purged, five times."""
    seen: list[Mapping[str, Any]] = []
    for number in range(5):
        made = await stage.api("POST", f"/v1/purges?wait={MAX_SECONDS / 2:g}", {"keys": [f"title-{number}"]})
        seen.append(await stage.api("GET", f"/v1/jobs/{made['job']}?wait={MAX_SECONDS / 2:g}"))
    missing = sum(one["counts"]["nodes"] - one["counts"]["receipts"] for one in seen)
    late = max(one["receiptSeconds"]["p99"] or MAX_SECONDS for one in seen)
    half = max(one["receiptSeconds"]["p50"] or MAX_SECONDS for one in seen)
    last = max(one["receiptSeconds"]["last"] or MAX_SECONDS for one in seen)
    note = f"worst of 5, {stage.fleet.shields} shields first; half within {half:.2f} s, last {last:.2f} s"
    return [
        Figure("a purge, 99 % of the receipts", late, target=1.0, note=note),
        Figure("receipts that are missing", missing, "", target=0),
    ]


async def bad_settings(stage: Stage) -> list[Figure]:
    """Settings that agents refuse; settings that they take and fare badly with."""
    figures = []
    most = ceil(STAGES[0].share * stage.fleet.agents)
    for name, settings, kind in (("refused", REFUSED, "nack settings"), ("harmful", HARMFUL, "settings")):
        began = time.monotonic()
        await stage.api("PUT", "/v1/settings?reason=simulation", {"layers": {"all": settings}})
        over = await _until(
            partial(stage.api, "GET", "/v1/settings"), lambda told: told["rollout"]["state"] in ("reverted", "done")
        )

        def without() -> bool:
            held = stage.ledger.of("settings").values()
            return all(event.text != HARMFUL["default_ttl"] for event in held)

        back = over is not None and await stage.ledger.until(without, MAX_SECONDS)
        took = time.monotonic() - began if back else None
        reached = {
            event.agent
            for event in stage.ledger.since(kind, began)
            if kind != "settings" or event.text == settings["default_ttl"]
        }
        why = over["rollout"]["why"] if over else ""
        figures.append(Figure(f"{name} settings, taken back everywhere", took, target=30.0, note=why))
        figures.append(Figure(f"agents reached by {name} settings", len(reached), "", target=most))
    return figures


async def _until(
    ask: Callable[[], Awaitable[dict[str, Any]]], so: Callable[[dict[str, Any]], bool]
) -> dict[str, Any] | None:
    """What control tells once it is so; None when it is not in time."""
    for _ in range(int(MAX_SECONDS / LOOK_EVERY)):
        told = await ask()
        if so(told):
            return told
        await asyncio.sleep(LOOK_EVERY)
    return None


async def hot_title(stage: Stage) -> list[Figure]:
    """A title nobody knew takes a tenth of all requests."""
    title, began = "rising", time.monotonic()
    stage.tell({"rise": [title, SHARE]})

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
        held = stage.ledger.of("hot").values()
        return sum(title in event.text.split() for event in held) >= wanted

    there = await stage.ledger.until(placed, MAX_SECONDS)
    took = time.monotonic() - began if there else None
    return [
        Figure("a rising title, on every region's hot list", on_list, target=10.0),
        Figure("its documents at all replicas", took, target=30.0, note=f"{wanted} replicas"),
    ]


async def restart(stage: Stage) -> list[Figure]:
    """Control is killed, and is there again after a while."""
    killed = time.monotonic()
    await stage.kill_control()
    await asyncio.sleep(AWAY)
    started = await stage.start_control()
    ready = time.monotonic()
    before = stage.cpu()

    def back() -> bool:
        return sum(event.at > killed for event in stage.ledger.of("connected").values()) == stage.fleet.agents

    all_back = await stage.ledger.until(back, MAX_SECONDS)
    took = [event.at - ready for event in stage.ledger.of("connected").values() if event.at > killed]
    failed = len(stage.ledger.since("failed", ready))
    half, cpu = quantile(took, 0.5) or 0.0, stage.cpu() - before
    note = f"away {AWAY:g} s, starts in {started:.1f} s; half back within {half:.1f} s; {cpu:.1f} s of control's CPU"
    return [
        Figure("all agents back after control was killed", max(took) if all_back else None, target=15.0, note=note),
        Figure("agents that did not come back", stage.fleet.agents - len(took), "", target=0),
        Figure(
            "attempts that failed once control was there", failed, "", target=0, note="each is made again by itself"
        ),
    ]


async def after(stage: Stage) -> list[Figure]:
    """Once more what matters, with a control that has restarted; and what it weighs."""
    again = await rules(stage)
    stage.weigh()
    told = [Figure(f"{one.name}, after the restart", one.value, one.unit, one.target, one.note) for one in again]
    return [*told, Figure("control's memory, at most", stage.peak / MIB, "MiB", target=1024.0)]


STEPS: dict[str, Step] = {
    "joins": joins,
    "rests": rests,
    "rules": rules,
    "purges": purges,
    "hot": hot_title,
    "settings": bad_settings,
    "restart": restart,
    "after": after,
}
"""In their order. `joins` has to be the first."""
QUICK = ("joins", "rules", "purges", "after")
