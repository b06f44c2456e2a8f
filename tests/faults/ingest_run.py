"""The crash run of ingest: an origin, its workers, a worker elsewhere and encoders are killed at random moments.

Small films come in, by path and by tus, while processes get kill -9. In the end each is published once, whole and
verified, or has failed with a reason; nothing is left half-published. What does not hold is collected in `faults`, so
that one lost film does not end the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from origin.ingest.subprocesses import Programs
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.records import manifest_key, object_key
from origin.stores.folder import open_folder
from origin.uploads.tus_protocol import CHUNK_TYPE, VERSION, format_metadata

ROOT = Path(__file__).resolve().parents[2]
ENDED = ("PUBLISHED", "FAILED")
PATIENCE = 900.0
"""Seconds in which a film has to end once it came in."""
PAUSE = 0.1
VICTIM_SECONDS = 60.0
"""How long a kill waits for a process of its kind."""
AT_ONCE = 3
"""Films in the works at a time, so that every kill hits some film's job."""
TUS = {"Tus-Resumable": VERSION}
ENCODERS = ("ffmpeg", "ffprobe", "packager")
WEIGHTS = {"service": 2, "worker": 3, "far worker": 2, "encoder": 4}


def choose_victims(kills: int, rng: random.Random) -> list[str]:
    """The kinds of process to kill, in order: each kind at least once where `kills` allows, else by its weight."""
    whole = sum(WEIGHTS.values())
    deck = [kind for kind, weight in WEIGHTS.items() for _ in range(max(1, kills * weight // whole))]
    deck = (deck + ["encoder"] * max(0, kills - len(deck)))[:kills]
    rng.shuffle(deck)
    return deck


@dataclass
class Run:
    """One run: `films` at least, and more while kills are left. `seed` decides which process is killed and when."""

    folder: Path
    programs: Programs
    films: int
    kills: int
    seed: int
    seconds: float = 20.0
    """The length of a film."""
    pause: tuple[float, float] = (0.05, 1.2)
    log: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=lambda: {"PUBLISHED": 0, "FAILED": 0})

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.store = self.folder / "store"
        self.port = 0
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.victims = choose_victims(self.kills, self.random)
        self.killed = dict.fromkeys(WEIGHTS, 0)
        self.missed = dict.fromkeys(WEIGHTS, 0)

    async def play(self) -> None:
        """Run it all; what was lost is in `faults`."""
        try:
            await self._start_origin()
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
                contents = await self._play(session)
                await self._check(session, contents)
        finally:
            for process in self.running.values():
                process.kill()
                process.wait()

    async def _play(self, session: aiohttp.ClientSession) -> list[str]:
        """Bring films in until there are enough and the killing is over; returns their contentIds."""
        contents: list[str] = []
        followed: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:
            killing = group.create_task(self._kill())
            places = asyncio.Semaphore(AT_ONCE)
            while True:
                if len(contents) >= self.films:  # a further film only for kills that find no other
                    await asyncio.wait([killing, *followed[-1:]], return_when=asyncio.FIRST_COMPLETED)
                    if killing.done():
                        return contents
                await places.acquire()
                followed.append(group.create_task(self._follow(session, len(contents), places)))
                contents.append(f"title-film{len(contents)}")

    async def _follow(self, session: aiohttp.ClientSession, number: int, places: asyncio.Semaphore) -> None:
        """Bring a film in and wait for its end."""
        try:
            path = await asyncio.to_thread(self._make_film, number)
            started = time.monotonic()
            async with asyncio.timeout(PATIENCE):
                content = await self._bring(session, path)
                await self._until_ended(session, content)
            self.log.append(f"{content} ended after {time.monotonic() - started:.0f} s")
        except TimeoutError:
            self.faults.append(f"title-film{number} has not ended after {PATIENCE:.0f} s")
        finally:
            places.release()

    def _make_film(self, number: int) -> Path:
        """A small film of its own; the second one is no film, and fails for that reason."""
        path = self.folder / "films" / f"film{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        if number == 1:
            path.write_bytes(b"no film at all" * 1000)
            return path
        video, sound = f"testsrc2=size=640x360:rate={12 + number % 12}", f"sine=frequency={300 + number}"
        command = [self.programs.ffmpeg, "-v", "error", "-f", "lavfi", "-i", video, "-f", "lavfi", "-i", sound]
        command += ["-t", str(self.seconds), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
        subprocess.run([*command, "-c:a", "aac", str(path)], check=True)
        return path

    # -- programs ----------------------------------------------------------------------------------------------

    async def _start_origin(self) -> None:
        settings = ("--store", str(self.store), "--ingest-folders", str(self.folder / "films"), "--workers", "2")
        more = ("--listen", f"127.0.0.1:{self.port}", "--ingest-preset", "ultrafast", "--lease", "3s")
        process = self._spawn("service", "origin", *settings, *more, stdout=subprocess.PIPE)
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert line.startswith(b"ready origin"), f"the origin did not start: {self.tail()}"
        self.port = int(line.rsplit(b":", 1)[1])
        if "far worker" not in self.running:
            self._start_far_worker()

    def _start_far_worker(self) -> None:
        folder = ("--work-dir", str(self.folder / "far"))
        self._spawn("far worker", "origin", "worker", "--origin", self.url, *folder, stdout=subprocess.DEVNULL)

    def _spawn(self, name: str, *arguments: str, stdout: int) -> subprocess.Popen[bytes]:
        with (self.folder / "programs.log").open("ab") as errors:
            command = [sys.executable, "-P", "-m", "tools.cli", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=errors)
        self.running[name] = process
        return process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _kill(self) -> None:
        """Kill at random moments, each time a process of the kind that is next."""
        for victim in self.victims:
            await asyncio.sleep(self.random.uniform(*self.pause))
            if victim == "service":
                self._end_program("service")
                await self._start_origin()
            elif victim == "far worker":
                self._end_program("far worker")
                self._start_far_worker()
            elif not await self._kill_descendant(is_encoder if victim == "encoder" else is_worker):
                self.missed[victim] += 1
                continue
            self.killed[victim] += 1

    def _end_program(self, name: str) -> None:
        process = self.running.pop(name)
        process.kill()
        process.wait()

    async def _kill_descendant(self, is_victim: Callable[[list[str]], bool]) -> bool:
        """Kill a process below the service or the far worker, within 0.2 s of its start or later.

        False if there was none for a minute.
        """
        deadline = time.monotonic() + VICTIM_SECONDS
        while time.monotonic() < deadline:
            if self._find(is_victim):
                await asyncio.sleep(self.random.uniform(0.0, 0.2))
                found = self._find(is_victim)
                if found:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.random.choice(found), signal.SIGKILL)
                        return True
            await asyncio.sleep(0.02)
        return False

    def _find(self, is_victim: Callable[[list[str]], bool]) -> list[int]:
        roots = [process.pid for process in self.running.values()]
        return [pid for pid, words in descendants(roots) if is_victim(words)]

    # -- films -------------------------------------------------------------------------------------------------

    async def _bring(self, session: aiohttp.ClientSession, path: Path) -> str:
        """Bring a film in, by path or by tus, however often the service dies meanwhile; returns its contentId."""
        content = f"title-{path.stem}"
        if int(path.stem.removeprefix("film")) % 2:
            body = {"title": path.stem, "fileLocation": str(path), "contentId": content}
            while (await self._ask(session, "POST", "/content/ingest", json=body))[0] not in (201, 409):
                pass
            return content
        data = path.read_bytes()
        url = await self._create_upload(session, content, len(data))
        offset = 0
        while offset < len(data):
            status, fields = await self._ask(session, "HEAD", url, headers=TUS)
            offset = int(fields["Upload-Offset"]) if status == 200 else offset
            if offset == len(data):
                break
            headers = TUS | {"Content-Type": CHUNK_TYPE, "Upload-Offset": str(offset)}
            part = data[offset : offset + 60_000]
            status, fields = await self._ask(session, "PATCH", url, headers=headers, data=part)
            offset = int(fields["Upload-Offset"]) if status == 204 else offset
        return content

    async def _create_upload(self, session: aiohttp.ClientSession, content: str, length: int) -> str:
        metadata = format_metadata({"filename": "film.mp4", "contentId": content})
        fields = TUS | {"Upload-Length": str(length), "Upload-Metadata": metadata}
        while True:
            status, answer = await self._ask(session, "POST", "/content/uploads", headers=fields)
            if status == 201:
                return str(answer["Location"])
            if (await self._ask(session, "HEAD", f"/content/uploads/{content}", headers=TUS))[0] == 200:
                return f"/content/uploads/{content}"  # it was made, and the answer was lost

    async def _ask(self, session: aiohttp.ClientSession, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """(status, header fields); 0 while the service is away."""
        try:
            async with session.request(method, self.url + path, **more) as got:
                await got.read()
                return got.status, got.headers
        except (aiohttp.ClientError, TimeoutError, OSError):
            await asyncio.sleep(PAUSE)
            return 0, {}

    async def _show(self, session: aiohttp.ClientSession, path: str) -> dict[str, Any] | None:
        try:
            async with session.get(self.url + path) as got:
                return await got.json(content_type=None) if got.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    async def _until_ended(self, session: aiohttp.ClientSession, content: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                shown = await self._show(session, f"/content/{content}")
                if shown is not None and shown["status"] in ENDED:
                    return
                await asyncio.sleep(PAUSE)

    # -- what must hold ----------------------------------------------------------------------------------------

    async def _check(self, session: aiohttp.ClientSession, contents: list[str]) -> None:
        library = BlockingLibrary(open_folder(self.store))
        expected: set[str] = set()
        for content in contents:
            shown = await self._show(session, f"/content/{content}")
            title = await asyncio.to_thread(library.title, content)
            if shown is None or shown["status"] not in ENDED:
                self.faults.append(f"{content} is {shown and shown['status']}")
            elif shown["status"] == "FAILED":
                self.ends["FAILED"] += 1
                self._hold(title is None, f"{content} is published although it failed")
                self._hold(bool(shown.get("reason")), f"{content} failed without a reason")
                self.log.append(f"{content} failed: {shown.get('reason')}")
            elif title is None:
                self.faults.append(f"{content} is not published")
            else:
                self.ends["PUBLISHED"] += 1
                self._hold(title.version == 1, f"{content} was published {title.version} times")
                self._hold(await asyncio.to_thread(library.is_whole, title), f"{content} is not whole")
                for ref in title.kept():
                    publication = await library.library.publication(content, ref)
                    expected |= {object_key(content, publication.number, one) for one in publication.objects()}
                    expected.add(manifest_key(content, ref))
                await self._decode(content)
        failed = any(line.startswith("title-film1 failed") for line in self.log)
        self._hold(failed, "what is no film was published")
        there = {info.key async for info in library.library.store.list("media/")}
        stray = {key for key in expected if key.startswith("media/")} ^ there
        self._hold(not stray, f"something is left half-published: {sorted(stray)[:5]}")

    def _hold(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    async def _decode(self, content: str) -> None:
        """Every published title decodes from its first frame to its last, in all renditions.

        ffmpeg cuts a variant that it does not map in the middle of a packet, and reports that as damage.
        """
        command = [self.programs.ffmpeg, "-v", "error", "-i", f"{self.url}/cdn/x/{content}/master.m3u8"]
        command += ["-map", "0", "-f", "null", "-"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        self._hold((done.returncode, done.stderr) == (0, ""), f"{content} does not decode: {done.stderr[:500]}")

    def tail(self, letters: int = 2000) -> str:
        """The end of what the programs logged."""
        file = self.folder / "programs.log"
        return file.read_text(errors="replace")[-letters:] if file.exists() else ""


def descendants(roots: list[int]) -> list[tuple[int, list[str]]]:
    """(pid, command line) of all processes below some."""
    parents: dict[int, int] = {}
    lines: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                lines[int(entry.name)] = (entry / "cmdline").read_text().split("\0")
    found, left = [], list(roots)
    while left:
        children = [pid for pid, parent in parents.items() if parent in left]
        found += [(pid, lines[pid]) for pid in children if pid in lines]
        left = children
    return found


def is_encoder(words: list[str]) -> bool:
    """Whether a command line is one of the programs that workers run."""
    return any(Path(word).name.startswith(ENCODERS) for word in words[:1])


def is_worker(words: list[str]) -> bool:
    """Whether a command line is a worker process of an origin."""
    return "origin.jobs.work.worker_process" in words
