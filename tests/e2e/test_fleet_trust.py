"""Real processes over mTLS: control, an edge that joins with a token, restarts, short certificates, a stranger."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from rpc.identity_file import IdentityFile
from tests.certificates import credentials, fleet_authority
from tests.e2e.ports import free_port

LIFE = 5
WITHIN = 30.0


class Fleet:
    """Processes of `matinee`, their folder and ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.ports = {name: free_port() for name in ("grpc", "rest", "enrol", "edge", "admin", "edge2", "admin2")}

    def at(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    async def control(self) -> None:
        await self._start(
            "control", "control", "--listen", self.at("grpc"), "--admin", self.at("rest"), "--tls", "required",
            "--enrol-listen", self.at("enrol"), "--data", str(self.folder / "control"), "--default", "allow",
            "--certificate-life", f"{LIFE}s", "--drain", "0s",
        )  # fmt: skip

    async def edge(self, name: str = "e1", listen: str = "edge", admin: str = "admin") -> None:
        folder = self.folder / name
        await self._start(
            name, "edge", "--id", name, "--listen", self.at(listen), "--admin", self.at(admin),
            "--upstream", "http://127.0.0.1:1", "--tokens", "required", "--control", self.at("grpc"),
            "--fleet-dir", str(folder), "--enrol-at", self.at("enrol"), "--enrol-token", str(folder / "token"),
            "--drain", "0s",
        )  # fmt: skip

    async def _start(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tools.cli", *arguments), stdout=asyncio.subprocess.PIPE, stderr=log,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )  # fmt: skip
        log.close()
        self.running[name] = process
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN):
            line = await process.stdout.readline()
        assert line.startswith(b"ready"), self.said(name)

    async def kill(self, name: str) -> None:
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    async def rest(self, method: str, path: str, body: object = None) -> dict:
        key = (self.folder / "control" / "api-key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"http://{self.at('rest')}{path}", json=body, headers=headers) as answer,
        ):
            return json.loads(await answer.read())

    async def follows(self, name: str = "e1") -> bool:
        """Whether control sees the edge, and the edge holds all that control wants."""
        told = await self.rest("GET", "/v1/edges")
        edges = {edge["id"]: edge for edge in told["edges"]}
        return bool(name in edges and edges[name]["connected"] and edges[name]["applied"].get("rules"))

    async def rules_version(self, admin: str = "admin") -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.at(admin)}/readyz") as answer,
        ):
            return int((await answer.json()).get("rulesVersion") or 0)

    async def serial(self) -> int:
        """The number of the certificate that control shows now."""
        pem = (self.folder / "control" / "ca" / "authority.pem").read_text()
        context = ssl.create_default_context(cadata=pem)
        context.set_alpn_protocols(["h2"])
        port = self.ports["enrol"]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        shown = x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        writer.close()
        return shown.serial_number


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    made = Fleet(tmp_path)
    yield made
    for name in list(made.running):
        await made.kill(name)


async def until(condition, *asked) -> None:
    async with asyncio.timeout(WITHIN):
        while not await condition(*asked):
            await asyncio.sleep(0.05)


async def test_a_fleet_over_mtls(fleet: Fleet) -> None:
    await fleet.control()
    told = await fleet.rest("POST", "/v1/enrolments", {"id": "e1", "region": "eu"})
    (fleet.folder / "e1").mkdir()
    (fleet.folder / "e1" / "token").write_text(told["token"])
    IdentityFile(fleet.folder / "e2").save(credentials(fleet_authority(), "e2"))  # a stranger's, of another authority
    await asyncio.gather(fleet.edge(), fleet.edge("e2", "edge2", "admin2"))
    await until(fleet.follows)
    assert not (fleet.folder / "e1" / "token").exists()
    file, serial = IdentityFile(fleet.folder / "e1"), await fleet.serial()
    first = file.load()
    assert first is not None

    # the stranger gets nothing
    assert await fleet.rules_version("admin2") == 0
    assert not await fleet.follows("e2")

    # certificates of seconds are renewed, the edge's and control's, and the edge follows on
    async def renewed() -> bool:
        held = file.load()
        return held is not None and held.identity.ends > first.identity.ends + 1 and await fleet.serial() != serial

    await until(renewed)
    await until(fleet.follows)

    # control dies, and so does the edge: it starts from what was signed
    version = await fleet.rules_version()
    assert version > 0
    await fleet.kill("control")
    await fleet.kill("e1")
    await fleet.edge()
    assert await fleet.rules_version() == version
    assert token_is_nowhere(fleet, told["token"])


def token_is_nowhere(fleet: Fleet, token: str) -> bool:
    secret = token.split("-", 2)[2].encode()
    return not any(secret in path.read_bytes() for path in fleet.folder.rglob("*") if path.is_file())
