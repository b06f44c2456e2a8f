"""The servers that are measured: ours and nginx, set up for the same work on each request.

Both check a token in the path (one title, expiring), the viewer's country against the title's list, answer out of
their cache and write one JSON line a request to a buffered log. nginx.conf says how nginx does it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # comes with mmdb-writer, without types

from kernel.keys import SigningKey, generate_ed25519_pem
from kernel.token import mint
from tools.bench.processes import BenchFailed, free_port, started, tree, workers_of

TITLE = "bench"
FOREIGN_TITLE = "foreign"
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKER_WITHIN = 5.0
DAY = 86400


@dataclass(frozen=True, slots=True)
class Ground:
    """What the servers of one run share: a folder for their files, the origin's port, the core they stay on."""

    folder: Path
    origin_port: int
    core: int | None


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, whose CPU is its own, how a viewer's token goes before a path."""

    name: str
    port: int
    pids: tuple[int, ...]
    access_log: Path
    token: Callable[[str, int, int], str]
    """(scope such as `/cdn/eu/bench/`, number of the viewer, when it was issued) → `/t/<token>`, good for a day."""

    def target(self, path: str, viewer: int = 0, *, expired: bool = False) -> str:
        """The request target of `path` as this viewer asks for it."""
        scope = "/".join(path.split("/")[:4]) + "/"
        return self.token(scope, viewer, wall() - (2 * DAY if expired else 0)) + path


Peer = Callable[[Ground], contextlib.AbstractContextManager[Server]]


def wall() -> int:
    """Seconds since the epoch: tokens are dated."""
    return int(time.time())  # noqa: TID251 (this shell's one reading of the clock)


@contextlib.contextmanager
def ours(ground: Ground) -> Iterator[Server]:
    """`matinee edge` by itself."""
    folder = ground.folder / "ours"
    folder.mkdir()
    key = SigningKey.from_pem(generate_ed25519_pem())
    _write_edge_files(folder, key)
    port = free_port()
    command = [
        sys.executable, "-P", "-m", "tools.cli", "edge", "--id", "bench",
        "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}",
        "--upstream", f"http://127.0.0.1:{ground.origin_port}",
        "--cache-dir", str(folder / "cache"), "--ram", "512MiB", "--disk", "1GiB", "--workers", "1",
        "--tokens", "required", "--keys", str(folder / "keys.json"), "--geo", str(folder / "geo.mmdb"),
        "--rules", str(folder / "rules.json"), "--access-log", str(folder / "access.log"),
    ]  # fmt: skip

    def token(scope: str, viewer: int, issued: int) -> str:
        return "/t/" + mint(key, "bench", path=scope, now=issued, ttl=DAY, session=f"viewer{viewer}")

    with started(command, port=port, log=folder / "out.log", core=ground.core, folder=ROOT) as pid:
        yield Server("matinee", port, tree(pid), folder / "access.log", token)


def _write_edge_files(folder: Path, key: SigningKey) -> None:
    (folder / "keys.json").write_text(json.dumps({"keys": [key.public_jwk("bench")]}))
    titles = {TITLE: {"allow": ["DE", "FR"]}, FOREIGN_TITLE: {"allow": ["FR"]}}
    (folder / "rules.json").write_text(json.dumps({"default": "deny", "titles": titles}))
    geo = MMDBWriter(ip_version=4, database_type="Country")
    geo.insert_network(IPSet(["127.0.0.0/8"]), {"country": {"iso_code": "DE"}})
    geo.insert_network(IPSet(["10.0.0.0/8"]), {"country": {"iso_code": "US"}})
    geo.to_db_file(str(folder / "geo.mmdb"))


def nginx(name: str, sendfile: bool, nopush: bool) -> Peer:
    """nginx by the committed configuration, with sendfile and tcp_nopush on or off."""

    @contextlib.contextmanager
    def peer(ground: Ground) -> Iterator[Server]:
        folder = ground.folder / name.replace(" ", "-")
        folder.mkdir()
        port, secret = free_port(), secrets.token_hex(16)
        filled = {
            "USER": "user root;" if os.geteuid() == 0 else "", "DIR": str(folder), "PORT": str(port),
            "ORIGIN": str(ground.origin_port), "SECRET": secret,
            "SENDFILE": "on" if sendfile else "off", "NOPUSH": "on" if nopush else "off",
        }  # fmt: skip
        text = (HERE / "nginx.conf").read_text()
        for word, value in filled.items():
            text = text.replace(f"@{word}@", value)
        (folder / "nginx.conf").write_text(text)

        def token(scope: str, viewer: int, issued: int) -> str:
            until = issued + DAY + viewer
            digest = hashlib.md5(f"{until} {scope} {secret}".encode(), usedforsecurity=False).digest()
            return f"/t/{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}/{until}"

        command = [nginx_program() or "nginx", "-p", str(folder), "-e", str(folder / "error.log")]
        command += ["-c", str(folder / "nginx.conf")]
        with started(command, port=port, log=folder / "out.log", core=ground.core) as pid:
            yield Server(name, port, _nginx_workers(pid), folder / "access.log", token)

    return peer


def nginx_program() -> str | None:
    """The nginx of this system; Debian puts it where a user's PATH does not look."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def nginx_version() -> str | None:
    """`nginx/1.22.1`; None where there is none."""
    program = nginx_program()
    if program is None:
        return None
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return told.rpartition(" ")[2].strip() or None


def _nginx_workers(pid: int) -> tuple[int, ...]:
    deadline = time.monotonic() + WORKER_WITHIN
    while time.monotonic() < deadline:
        if workers := workers_of(pid, "nginx: worker process"):
            return workers
        time.sleep(0.02)
    raise BenchFailed("nginx started no worker")
