"""Does what a story says to the platform, at its moments, by commands that any platform can provide."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from kernel.errors import BadSettings
from loadtest.stories.story import Action, Story

_STOP_TIMEOUT_S = 60.0
_TERMINATE_GRACE_S = 3.0
_MAX_OUTPUT = 2000

_SHOWN: Mapping[str, Sequence[str]] = {"matinee": ("matinee",), "python": ("python",)}
"""How programs of this installation are written in reports, which must not name its folders."""

Words = Mapping[str, Sequence[str]]
"""What stands for a word in braces: one word or several."""


class Due(NamedTuple):
    """A command and its moment, in seconds since the run began."""

    at_s: float
    name: str
    action: Action
    starts: bool


@dataclass(slots=True)
class Done:
    """A command that was run. `error` is empty when it succeeded, or was allowed to fail."""

    name: str
    at_seconds: float
    command: str
    error: str = ""
    ended_seconds: float | None = None


def schedule(story: Story, seconds: float) -> list[Due]:
    """All commands of the story in order of their moments."""
    found: list[Due] = []
    for name, action in story.actions.items():
        if action.start:
            found += [Due(at_s, name, action, True) for at_s in action.starts_at(seconds)]
        found.append(Due(action.stops_at(seconds), name, action, False))
    return sorted(found, key=lambda due: (due.at_s, due.starts))


def words_of(command: str, words: Words) -> list[str]:
    """argv of a command. Raises BadSettings for a word in braces that nothing stands for here."""
    argv: list[str] = []
    for part in shlex.split(command):
        if part.startswith("{") and part.endswith("}") and part[1:-1] in words:
            argv += words[part[1:-1]]
            continue
        try:
            argv.append(part.format(**{name: " ".join(value) for name, value in words.items()}))
        except (KeyError, IndexError, ValueError):
            raise BadSettings("actions", f"nothing is known for {part} in `{command}`") from None
    return argv


class ActionRunner:
    """Runs a story's commands. `find_words` is asked at an action's first command; its stop gets the same words."""

    def __init__(self, story: Story, seconds: float, find_words: Callable[[], Words]) -> None:
        self._due = schedule(story, seconds)
        self._find_words = find_words
        self._words: dict[str, Words] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._starts: dict[str, list[asyncio.Task[None]]] = {}
        self._began: float | None = None
        self.done: list[Done] = []

    async def run(self) -> None:
        """Run each command at its moment; cancelled or not, whatever was started is stopped at the end."""
        clock = asyncio.get_running_loop().time
        self._began = clock()
        try:
            async with asyncio.TaskGroup() as commands:
                for number, due in enumerate(self._due):
                    await asyncio.sleep(max(0.0, self._began + due.at_s - clock()))
                    self._due[number] = due._replace(at_s=-1.0)  # taken up
                    if due.starts:
                        self._starts.setdefault(due.name, []).append(commands.create_task(self._start(due)))
                    else:
                        await self._stop(due)
        finally:
            for due in self._due:
                if not due.starts and due.at_s >= 0 and due.name in self._words:
                    await self._stop(due)

    def as_plain(self) -> list[dict[str, Any]]:
        """What was done, for the report."""
        rows = [asdict(done) for done in self.done]
        return [
            {
                "name": row["name"],
                "atSeconds": round(row["at_seconds"], 3),
                "endedSeconds": None if row["ended_seconds"] is None else round(row["ended_seconds"], 3),
                "command": row["command"],
                "error": row["error"],
            }
            for row in rows
        ]

    async def _start(self, due: Due) -> None:
        if due.name not in self._words:
            self._words[due.name] = self._find_words()
        await self._execute(due.name, due.action.start, due.action.may_fail, None)

    async def _stop(self, due: Due) -> None:
        starts = [task for task in self._starts.get(due.name, ()) if not task.done()]
        if starts:
            # Without a command to stop it, an action is one that goes on until it is ended.
            if not due.action.stop:
                self._ended.setdefault(due.name, asyncio.Event()).set()
            _, late = await asyncio.wait(starts, timeout=_STOP_TIMEOUT_S)
            for task in late:
                task.cancel()
        if due.action.stop and (due.name in self._words or not due.action.start):
            self._words.setdefault(due.name, self._find_words())
            await self._execute(due.name, due.action.stop, due.action.may_fail, _STOP_TIMEOUT_S)

    async def _execute(self, name: str, command: str, may_fail: bool, timeout: float | None) -> None:
        now = asyncio.get_running_loop().time
        began = self._began or 0.0
        done = Done(name, now() - began, command)
        self.done.append(done)
        try:
            argv = words_of(command, self._words[name])
            done.command = shlex.join(words_of(command, {**self._words[name], **_SHOWN}))
            error = await _run_process(argv, timeout, self._ended.setdefault(name, asyncio.Event()))
            done.error = "" if may_fail else error
        except (OSError, BadSettings) as problem:
            done.error = "" if may_fail else str(problem)
        finally:
            done.ended_seconds = now() - began


async def _run_process(argv: Sequence[str], timeout: float | None, ended: asyncio.Event) -> str:
    """What went wrong, or nothing. `ended` ends the process by SIGTERM, which is no failure; so does cancelling."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout), asyncio.TaskGroup() as besides:
            ending = besides.create_task(_terminate_when(ended, process))
            printed, _ = await process.communicate()
            ending.cancel()
    except TimeoutError:
        return f"took longer than {timeout:g} s"
    finally:
        await _terminate(process)
    if process.returncode == 0 or (ended.is_set() and process.returncode == -signal.SIGTERM):
        return ""
    tail = printed[-_MAX_OUTPUT:].decode(errors="replace").strip()
    return f"exit code {process.returncode}: {tail}"


async def _terminate_when(ended: asyncio.Event, process: asyncio.subprocess.Process) -> None:
    await ended.wait()
    await _terminate(process)


async def _terminate(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, then SIGKILL; nothing when it has ended."""
    for send in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            send()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TERMINATE_GRACE_S):
                await process.wait()
