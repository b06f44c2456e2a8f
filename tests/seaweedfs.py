"""An S3 server for tests: SeaweedFS of the wheel, else of PATH; in a folder of its own, gone when the tests are."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from random import Random
from typing import Self

import obstore
from obstore.store import S3Store

from system.s3_access import access_of, client_options

PORTS = range(20_000, 32_000)
SECONDS_TO_START = 60
_SERVE = """
"$@" & server=$!
read _
kill -KILL $server
wait $server 2>/dev/null
rm -rf "$FOLDER"
"""
"""Serves until its standard input ends, as it does when the tests are killed too."""


def find_program() -> str | None:
    """The path of `weed`."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


class Server:
    """A running server; use as a context. `environment` is how to reach it, by AWS's names."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="matinee-s3-"))
        self._ports = _free_ports(8)
        self.url = f"http://127.0.0.1:{self._ports[0]}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "a secret of the tests",
            "AWS_ENDPOINT_URL": self.url, "AWS_REGION": "us-east-1",
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["sh", "-c", _SERVE, "sh", *self._command()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "log").open("wb"),
            env=os.environ | self.environment | {"FOLDER": str(self._folder)},
        )
        patience = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            if time.monotonic() > patience or self._process.poll() is not None:
                raise RuntimeError(f"SeaweedFS did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        self.make_bucket("vod")
        return self

    def make_bucket(self, name: str) -> None:
        """SeaweedFS makes a bucket at the first put of an object."""
        options = client_options(access_of(self.environment))
        obstore.put(S3Store(name, **options), "first", b"")

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _command(self) -> list[str]:
        s3, s3_rpc, master, master_rpc, volume, volume_rpc, filer, filer_rpc = self._ports
        return [
            self._program, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self._folder}", "-s3", "-filer",
            f"-s3.port={s3}", f"-s3.port.grpc={s3_rpc}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false",
            f"-master.port={master}", f"-master.port.grpc={master_rpc}", "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64", "-master.volumePreallocate=false",
            f"-volume.port={volume}", f"-volume.port.grpc={volume_rpc}", "-volume.max=20",
            f"-filer.port={filer}", f"-filer.port.grpc={filer_rpc}",
        ]  # fmt: skip


def _free_ports(count: int) -> list[int]:
    """Ports below those that the system gives to clients, so that no client of another test gets one meanwhile."""
    found: list[int] = []
    for port in Random().sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")
