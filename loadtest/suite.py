"""`make loadtest`: the stories that ship with Matinee, one after another, against a running `make up`.

Each is played by a process of its own at its full size; its report is written as JSON and as a page. A story that needs
more regions than the platform has is named and left out. The exit code is 1 when a story did not pass.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import BadSettings
from kernel.settings.command_line import command
from kernel.settings.table import INTEGER, NUMBER, PATH, TEXT, setting
from loadtest.runs.platform_folder import PlatformFolder
from loadtest.runs.play import load_story

NOT_PLAYED = "not played"
STORIES = Path(__file__).parent / "stories"


@dataclass(frozen=True, slots=True)
class SuiteSettings:
    """`make loadtest`."""

    target: str = setting(TEXT, "http://127.0.0.1:8080", "The gateway of the platform.", flag_only=True)
    platform: Path = setting(PATH, ".matinee", "State folder of its `matinee up`.", flag_only=True)
    only: tuple[str, ...] = setting(TEXT, None, "Play these stories alone.", many=True, flag_only=True)
    players: int | None = setting(INTEGER, None, "Players of each story.", least=1, flag_only=True)
    seconds: float | None = setting(NUMBER, None, "Length of each story.", least=1, flag_only=True)
    out: Path = setting(PATH, ".bench/loadtest", "Folder of the reports.", flag_only=True)


SETTINGS = SuiteSettings


def names_of(only: Sequence[str]) -> list[str]:
    """The stories to play, in order of their names. Raises BadSettings for one that there is not."""
    there = sorted(path.stem for path in STORIES.glob("*.toml"))
    for name in only:
        if name not in there:
            raise BadSettings("only", f"there is no story {name!r}; there are {', '.join(there)}")
    return [name for name in there if not only or name in only]


def run(settings: SuiteSettings) -> int:
    """Play them all; 1 when one did not pass."""
    settings.out.mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, str] = {}
    platform = PlatformFolder(settings.platform)
    for name in names_of(settings.only):
        if load_story(name).needs_regions > max(1, platform.region_count):
            print(f"== {name}: NOT PLAYED, it needs a platform of several regions (make up REGIONS=2)", flush=True)
            outcomes[name] = NOT_PLAYED
            continue
        print(f"== {name}", flush=True)
        for kind in ("json", "html"):
            (settings.out / f"{name}.{kind}").unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-P", "-m", "loadtest", name, *_flags(settings, name)], check=False)
        outcomes[name] = {0: "passed", 1: "FAILED"}.get(done.returncode, f"could not be played ({done.returncode})")
    for name, outcome in outcomes.items():
        print(f"{name:<16}{outcome}{'' if outcome == NOT_PLAYED else _players(settings.out / f'{name}.json')}")
    print(f"Reports are in {settings.out}.")
    return 0 if all(outcome in ("passed", NOT_PLAYED) for outcome in outcomes.values()) else 1


def _flags(settings: SuiteSettings, name: str) -> Iterator[str]:
    yield from (f"--target={settings.target}", f"--platform={settings.platform}")
    yield from (f"--json={settings.out / f'{name}.json'}", f"--html={settings.out / f'{name}.html'}")
    yield from (f"--{each}={value}" for each in ("players", "seconds") if (value := getattr(settings, each)))


def _players(report: Path) -> str:
    if not report.exists():  # nothing was played
        return ""
    found = json.loads(report.read_text(encoding="utf-8"))
    return f"  {found['players']} players, generator at {found['generatorCpuShare']:.0%} of a core"


if __name__ == "__main__":
    sys.exit(
        command(
            SuiteSettings,
            run,
            sys.argv[1:],
            prog="python -m loadtest.suite",
            summary="Play the stories that ship with Matinee, one after another.",
            env=os.environ,
            read_text=lambda name: Path(name).read_text(encoding="utf-8"),
            say=lambda text, is_error: print(text, file=sys.stderr if is_error else sys.stdout, flush=True),
        )
    )
