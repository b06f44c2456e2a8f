"""`matinee loadtest STORY`: its settings; `python -m loadtest`, in a process of its own, plays the story."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kernel.settings.table import INTEGER, NUMBER, PATH, SWITCH, TEXT, setting


@dataclass(frozen=True, slots=True)
class LoadtestSettings:
    """`matinee loadtest STORY`."""

    target: str = setting(
        TEXT,
        None,
        "What to play: the URL of a playlist or MPD, or of Matinee's gateway.",
        required=True,
        flag_only=True,
    )
    players: int | None = setting(
        INTEGER, None, "Number of players, in place of the story's.", flag_only=True, least=1, most=1_000_000
    )
    seconds: float | None = setting(
        NUMBER, None, "Length of the run in seconds, in place of the story's.", flag_only=True, least=1, most=604_800
    )
    seed: int | None = setting(INTEGER, None, "Seed of every draw, in place of the story's.", flag_only=True)
    header: tuple[str, ...] = setting(
        TEXT,
        None,
        "Header field to send to the target with each request, such as `K: V`.",
        many=True,
        splits=False,
        secret=True,
        flag_only=True,
    )
    origin: str | None = setting(
        TEXT, None, "Compare each segment, by length and checksum, with that of this origin's URL.", flag_only=True
    )
    json: Path | None = setting(PATH, None, "Write the report to this file as JSON.", flag_only=True)
    html: Path | None = setting(PATH, None, "Write the report to this file as a page.", flag_only=True)
    platform: Path = setting(
        PATH, ".matinee", "State folder of `matinee up`: its programs are watched if it is the target.", flag_only=True
    )
    quiet: bool = setting(SWITCH, "off", "Show no live view.", flag_only=True)


SETTINGS = LoadtestSettings


def run(settings: LoadtestSettings, story: str) -> int:
    """Play the story in a process of its own; 0 when every expectation held, 1 when one did not."""
    argv = [sys.executable, "-P", "-m", "loadtest", story, *flags_of(settings)]
    return subprocess.run(argv, check=False).returncode


def flags_of(settings: LoadtestSettings) -> Iterator[str]:
    """The flags that give these settings again."""
    for name in ("target", "players", "seconds", "seed", "origin", "json", "html", "platform"):
        if (value := getattr(settings, name)) is not None:
            yield f"--{name}={value}"
    yield from (f"--header={field}" for field in settings.header)
    yield f"--quiet={'on' if settings.quiet else 'off'}"
