"""`matinee fleet push|rollout`: settings for the fleet, to canaries first; how far they are, and back."""

from __future__ import annotations

import asyncio
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kernel.errors import BadSettings
from kernel.settings.table import SWITCH, TEXT, choice, setting
from tools.fleet.client import ChangeSettings, Control, Verb, ask, show_json
from tools.fleet.tables import table

LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings(ChangeSettings):
    """`matinee fleet push FILE.toml`."""

    layer: str = setting(TEXT, "all", "For whom: all, role/R, region/R, pop/P, group/G or edge/ID.")
    dry_run: bool = setting(SWITCH, "off", "Show what each edge would get, and change nothing.")
    watch: bool = setting(SWITCH, "off", "Wait for the end of the rollout; 1 when it was taken back or held.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings(ChangeSettings):
    """`matinee fleet rollout`."""

    do: str = setting(choice("show", "hold", "go-on", "back"), "show", "What to do with the rollout under way.")


def push(settings: PushSettings, file: str) -> int:
    """Roll out the settings of a TOML file, as an edge's --config has them; an empty file takes the layer away."""
    edits = {"layers": {settings.layer: read(Path(file)) or None}}

    async def work(control: Control) -> int:
        if settings.dry_run:
            said = await control.post("/v1/settings/diff", edits)
            if settings.json:
                return show_json(said)
            rows = [
                (edge["edge"], name, _text(before), _text(after))
                for edge in said["edges"]
                for name, (before, after) in edge["settings"].items()
            ]
            Console().print(table("what would change", ("edge", "setting", "now", "then"), rows))
            return 0
        said = await control.put("/v1/settings", edits, reason=settings.reason)
        if settings.watch:
            return await _wait(control, said)
        return show_json(said) if settings.json else _show(said)

    return ask(settings, work)


def rollout(settings: RolloutSettings) -> int:
    """Show how far the latest settings are; hold them, let them go on, or take them back."""

    async def work(control: Control) -> int:
        if settings.do == "show":
            said = await control.get("/v1/settings")
        else:
            said = await control.post(f"/v1/settings/rollout/{settings.do}", reason=settings.reason)
        return show_json(said) if settings.json else _show(said)

    return ask(settings, work)


async def _wait(control: Control, said: dict[str, Any]) -> int:
    shown = ""
    while True:
        words = _words(said)
        if words != shown:
            print(words, flush=True)
            shown = words
        state = (said["rollout"] or {}).get("state", "done")
        if state != "rolling":
            return 0 if state == "done" else 1
        await asyncio.sleep(LOOK_EVERY)
        said = await control.get("/v1/settings")


def _show(said: dict[str, Any]) -> int:
    print(_words(said))
    rows = [(layer, name, _text(value)) for layer, held in said["layers"].items() for name, value in held.items()]
    Console().print(table("settings pushed", ("layer", "setting", "value"), rows))
    return 0


def _words(said: dict[str, Any]) -> str:
    rollout = said["rollout"]
    if rollout is None:
        return "no settings were ever pushed"
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


PUSH = Verb(PushSettings, push)
ROLLOUT = Verb(RolloutSettings, rollout)
