"""The crash run of ingest: an origin, its workers, a worker elsewhere and encoders are killed at random moments.

Ten small films come in, by path and by tus, while processes get kill -9. In the end each is published once, whole and
verified, or has failed with a reason; nothing is left half-published, and the folders of ended jobs are gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
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
PATIENCE = 300.0
"""Seconds in which a film has to end once the killing is over."""
PAUSE = 0.1
TUS = {"Tus-Resumable": VERSION}
ENCODERS = ("ffmpeg", "ffprobe", "packager")


@dataclass
class Run:
    """One run. `kills` in all; `seed` decides who is killed and when."""

    folder: Path
    programs: Programs
    films: int
    kills: int
    seed: int
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.store = self.folder / "store"
        self.port = 0
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.killed = dict.fromkeys(("service", "worker", "far worker", "encoder"), 0)

    async def play(self) -> None:
        """Run it all. Raises AssertionError with the log if something was lost."""
        paths = [self._make_film(number) for number in range(self.films)]
        try:
            await self._start_origin()
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
                contents = await self._play(session, paths)
                await self._check(session, contents)
        finally:
            for process in self.running.values():
                process.kill()
                process.wait()

    async def _play(self, session: aiohttp.ClientSession, paths: list[Path]) -> dict[str, str]:
        contents: dict[str, str] = {}
        async with asyncio.TaskGroup() as group:
            killing = group.create_task(self._kill())
            bringing = [group.create_task(self._bring(session, path)) for path in paths]
            contents = {await one: path.name for one, path in zip(bringing, paths, strict=True)}
            await killing
        for content in contents:
            await self._until_ended(session, content)
        return contents

    def _make_film(self, number: int) -> Path:
        """A small film of its own; the second one is no film, and fails for that reason."""
        path = self.folder / "films" / f"film{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        if number == 1:
            path.write_bytes(b"no film at all" * 1000)
            return path
        video, sound = f"testsrc2=size=320x240:rate={12 + number}", f"sine=frequency={300 + number}"
        command = [self.programs.ffmpeg, "-v", "error", "-f", "lavfi", "-i", video, "-f", "lavfi", "-i", sound]
        command += ["-t", "9", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
        subprocess.run([*command, str(path)], check=True)
        return path

    # -- programs ----------------------------------------------------------------------------------------------

    async def _start_origin(self) -> None:
        settings = ("--store", str(self.store), "--ingest-folders", str(self.folder / "films"), "--workers", "2")
        more = ("--listen", f"127.0.0.1:{self.port}", "--ingest-preset", "ultrafast", "--lease", "3s")
        process = self._spawn("service", "origin", *settings, *more, stdout=subprocess.PIPE)
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert line.startswith(b"ready origin"), f"the origin did not start: {self._tail()}"
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
        """Kill at random moments: mostly what works, now and then the service."""
        for _ in range(self.kills):
            await asyncio.sleep(self.random.uniform(0.02, 1.2))
            victim = self.random.choices(list(self.killed), (2, 3, 2, 4))[0]
            if victim == "service":
                self._kill_process(self.running.pop("service"))
                await self._start_origin()
            elif victim == "far worker":
                self._kill_process(self.running.pop("far worker"))
                self._start_far_worker()
            elif not self._kill_descendant(encoder=victim == "encoder"):
                continue
            self.killed[victim] += 1

    def _kill_process(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def _kill_descendant(self, *, encoder: bool) -> bool:
        """Kill a worker process of the service, or a program that any worker runs; False if there is none."""
        found = [pid for pid, words in descendants(os.getpid()) if is_encoder(words) == encoder and is_work(words)]
        if not found:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.random.choice(found), signal.SIGKILL)
        return True

    # -- films -------------------------------------------------------------------------------------------------

    async def _bring(self, session: aiohttp.ClientSession, path: Path) -> str:
        """Bring a film in, by path or by tus, however often the service dies meanwhile; returns its contentId."""
        content = f"title-{path.stem}"
        if int(path.stem[-1]) % 2:
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

    async def _check(self, session: aiohttp.ClientSession, contents: dict[str, str]) -> None:
        library = BlockingLibrary(open_folder(self.store))
        expected: set[str] = set()
        for content in contents:
            shown = await self._show(session, f"/content/{content}")
            assert shown is not None
            title = await asyncio.to_thread(library.title, content)
            if shown["status"] == "FAILED":
                assert shown["reason"], content
                assert title is None, f"{content} is published although it failed"
                self.log.append(f"{content} failed: {shown['reason']}")
                continue
            assert title is not None, f"{content} is not published"
            assert title.version == 1, f"{content} was published {title.version} times"
            assert await asyncio.to_thread(library.is_whole, title), f"{content} is not whole"
            for ref in title.kept():
                publication = await library.library.publication(content, ref)
                expected |= {object_key(content, publication.number, one) for one in publication.objects()}
                expected.add(manifest_key(content, ref))
            await self._decode(content)
        assert any(line.startswith("title-film1 failed") for line in self.log), "what is no film was published"
        there = {info.key async for info in library.library.store.list("media/")}
        assert {key for key in expected if key.startswith("media/")} == there, "something is left half-published"

    async def _decode(self, content: str) -> None:
        """Every published title decodes from its first frame to its last."""
        command = [self.programs.ffmpeg, "-v", "error", "-i", f"{self.url}/cdn/x/{content}/master.m3u8"]
        command += ["-map", "0:v:0", "-f", "null", "-"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), f"{content}: {done.stderr[:500]}"

    def _tail(self) -> str:
        file = self.folder / "programs.log"
        return file.read_text(errors="replace")[-2000:] if file.exists() else ""


def descendants(root: int) -> list[tuple[int, list[str]]]:
    """(pid, command line) of all processes below one."""
    parents: dict[int, int] = {}
    lines: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                lines[int(entry.name)] = (entry / "cmdline").read_text().split("\0")
    found, left = [], [root]
    while left:
        children = [pid for pid, parent in parents.items() if parent in left]
        found += [(pid, lines[pid]) for pid in children if pid in lines]
        left = children
    return found


def is_encoder(words: list[str]) -> bool:
    """Whether a command line is one of the programs that workers run."""
    return any(Path(word).name.startswith(ENCODERS) for word in words[:1])


def is_work(words: list[str]) -> bool:
    """Whether a command line is a worker process or a program that it runs."""
    return is_encoder(words) or "origin.jobs.work.worker_process" in words
