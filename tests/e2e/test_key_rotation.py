"""Real processes: the fleet's keys are control's, and services that restart with another key cut no session off."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from kernel.auth.signing_keys import SigningKey, generate_ed25519_pem
from kernel.auth.token import mint
from system.clock import SystemClock
from tests.e2e.ports import free_port

WITHIN = 30.0
PATH = "/cdn/eu/film/"


class Ground:
    """Control, an edge and services, each a process; an origin that has everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.ports = {name: free_port() for name in ("grpc", "rest", "edge", "admin", "services", "origin")}

    def at(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    async def control(self) -> None:
        await self._start(
            "control", "--listen", self.at("grpc"), "--admin", self.at("rest"), "--default", "allow",
            "--data", str(self.folder / "control"), "--drain", "0s",
        )  # fmt: skip

    async def edge(self) -> None:
        await self._start(
            "edge", "--id", "e1", "--listen", self.at("edge"), "--admin", self.at("admin"), "--upstream",
            f"http://{self.at('origin')}", "--tokens", "required", "--control", self.at("grpc"),
            "--fleet-dir", str(self.folder / "e1"), "--drain", "0s",
        )  # fmt: skip

    async def services(self, *more: str) -> None:
        await self._start(
            "services", "--listen", self.at("services"), "--data", str(self.folder / "services"), "--drain", "0s",
            "--control", self.at("grpc"), "--edges", f"http://{self.at('edge')}", "--insecure-dev", *more,
        )  # fmt: skip

    async def _start(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tools.cli", name, *arguments), stdout=asyncio.subprocess.PIPE, stderr=log,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )  # fmt: skip
        log.close()
        self.running[name] = process
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN):
            line = await process.stdout.readline()
        assert line.startswith(b"ready"), (self.folder / f"{name}.log").read_text()

    async def kill(self, name: str) -> None:
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def rest(self, method: str, path: str, body: object = None) -> dict:
        key = (self.folder / "control" / "api-key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"http://{self.at('rest')}{path}", json=body, headers=headers) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return json.loads(await answer.read())

    async def kids(self) -> set[str]:
        return {key["kid"] for key in (await self.rest("GET", "/v1/keys"))["keys"]}

    async def plays(self, token: str) -> bool:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.at('edge')}/t/{token}{PATH}master.m3u8") as answer,
        ):
            return answer.status == 200

    async def services_token(self) -> str:
        """A token as the services make it, under the name that control was told."""
        key = SigningKey.from_pem((self.folder / "services" / "signing.pem").read_bytes())
        names = json.loads((self.folder / "services" / "signing-names.json").read_text())
        return token_of(key, list(names)[-1])


def token_of(key: SigningKey, kid: str) -> str:
    return mint(
        key, kid, path=PATH, now=SystemClock().wall(), ttl=3_600, session="s", country=None, tier=None, network=None
    )


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async def everything(_: web.Request) -> web.Response:
        return web.Response(text="#EXTM3U\n", headers={"Cache-Control": "max-age=1"})

    made = Ground(tmp_path)
    app = web.Application()
    app.router.add_get("/{path:.*}", everything)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.ports["origin"]).start()
    yield made
    for name in list(made.running):
        await made.kill(name)
    await runner.cleanup()


async def until(condition, *asked) -> None:
    async with asyncio.timeout(WITHIN):
        while not await condition(*asked):
            await asyncio.sleep(0.05)


async def test_keys_outlive_a_kill_of_control_and_sessions_outlive_a_new_key_of_the_services(ground: Ground) -> None:
    """Services used to put their one key in the place of the fleet's whole set, whenever control came back."""
    await ground.control()
    await asyncio.gather(ground.edge(), ground.services())

    async def told() -> bool:
        return "matinee-1" in await ground.kids()

    await until(told)
    k1, k2 = (SigningKey.from_pem(generate_ed25519_pem()) for _ in range(2))
    await ground.rest("PUT", "/v1/keys", {"keys": [k1.public_jwk("k1"), k2.public_jwk("k2")]})
    assert await ground.kids() == {"k1", "k2", "matinee-1"}
    by_k2, by_services = token_of(k2, "k2"), await ground.services_token()
    await until(ground.plays, by_k2)
    await until(ground.plays, by_services)

    await ground.kill("control")
    await ground.kill("services")
    await ground.control()
    await ground.services()
    await until(told)
    assert await ground.kids() == {"k1", "k2", "matinee-1"}
    assert await ground.plays(by_k2)
    assert await ground.plays(by_services)

    # another key, under the name of the first, as an operator may well leave it
    await ground.kill("services")
    (ground.folder / "services" / "signing.pem").unlink()
    await ground.services()

    async def rotated() -> bool:
        return len(await ground.kids()) == 4

    await until(rotated)
    await until(ground.plays, await ground.services_token())
    for token in (by_services, by_k2, token_of(k1, "k1")):
        assert await ground.plays(token)

    # a folder that is lost with its names: control knows that the name is another key's
    await ground.kill("services")
    (ground.folder / "services").rename(ground.folder / "lost")
    await ground.services()

    async def again() -> bool:
        return len(await ground.kids()) == 5

    await until(again)
    await until(ground.plays, await ground.services_token())
    assert await ground.plays(by_services)
