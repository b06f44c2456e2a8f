"""`matinee fleet push|rollout`: roll out settings to the fleet and control the rollout."""

from __future__ import annotations

import asyncio
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kernel.errors import BadSettings
from kernel.settings.table import SWITCH, TEXT, choice, setting
from tools.fleet.client import ChangeSettings, ControlApi, FleetCommand, run_with_control, show_json
from tools.fleet.tables import table

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings(ChangeSettings):
    """`matinee fleet push FILE.toml`."""

    layer: str = setting(TEXT, "all", "Nodes to set: all, role/R, region/R, pop/P, group/G or edge/ID.")
    dry_run: bool = setting(SWITCH, "off", "Show the changes for each edge without making them.")
    watch: bool = setting(SWITCH, "off", "Wait until the rollout ends; exit with 1 if it was rolled back or held.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings(ChangeSettings):
    """`matinee fleet rollout`."""

    do: str = setting(choice("show", "hold", "go-on", "back"), "show", "Action on the current rollout.")


def push(settings: PushSettings, file: str) -> int:
    """Roll out a TOML file in the format of an edge's --config; an empty file removes the layer."""
    edits = {"layers": {settings.layer: read(Path(file)) or None}}

    async def work(control: ControlApi) -> int:
        if settings.dry_run:
            said = await control.post("/v1/settings/diff", edits)
            if settings.json:
                return show_json(said)
            rows = [
                (edge["edge"], name, _text(before), _text(after))
                for edge in said["edges"]
                for name, (before, after) in edge["settings"].items()
            ]
            Console().print(table("changes", ("edge", "setting", "before", "after"), rows))
            return 0
        said = await control.put("/v1/settings", edits, reason=settings.reason)
        if settings.watch:
            return await _wait(control, said)
        return show_json(said) if settings.json else _show(said)

    return run_with_control(settings, work)


def rollout(settings: RolloutSettings) -> int:
    """Show the current rollout; hold, resume or roll it back."""

    async def work(control: ControlApi) -> int:
        if settings.do == "show":
            said = await control.get("/v1/settings")
        else:
            said = await control.post(f"/v1/settings/rollout/{settings.do}", reason=settings.reason)
        return show_json(said) if settings.json else _show(said)

    return run_with_control(settings, work)


async def _wait(control: ControlApi, said: dict[str, Any]) -> int:
    shown = ""
    while True:
        words = _progress(said)
        if words != shown:
            print(words, flush=True)
            shown = words
        state = (said["rollout"] or {}).get("state", "done")
        if state != "rolling":
            return 0 if state == "done" else 1
        await asyncio.sleep(POLL_SECONDS)
        said = await control.get("/v1/settings")


def _show(said: dict[str, Any]) -> int:
    print(_progress(said))
    rows = [(layer, name, _text(value)) for layer, held in said["layers"].items() for name, value in held.items()]
    Console().print(table("settings pushed", ("layer", "setting", "value"), rows))
    return 0


def _progress(said: dict[str, Any]) -> str:
    rollout = said["rollout"]
    if rollout is None:
        return "no settings have been pushed"
    why = f": {rollout['why']}" if rollout["why"] else ""
    having = f"{len(rollout['edges'])} of {rollout['of']} edges"
    return f"settings {rollout['number']}: {rollout['state']}, {rollout['stage']}, at {having}{why}"


def _text(value: object) -> str:
    return "" if value is None else str(value)


def read(file: Path) -> dict[str, Any]:
    """The settings in a TOML file. Raises BadSettings."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings("file", f"{file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings("file", f"{file} is not valid TOML: {error}") from None


PUSH = FleetCommand(PushSettings, push)
ROLLOUT = FleetCommand(RolloutSettings, rollout)
