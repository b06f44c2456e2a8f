"""Control as a process: its start, its stop, what it refuses to start with."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

import control.app
from control.app import running
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.errors import BadSettings, StorageFailed
from kernel.fleet.messages import RULES, Hello, Report
from rpc.control_client import ControlClient
from rpc.edge_stream import EdgeStream
from tests.postgresql import PASSWORD

JWKS = public_jwks(generate_ed25519_pem(), "k1")


async def test_keys_and_default_are_set_at_start(settings_of, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps(JWKS))
    async with running(settings_of(keys=str(tmp_path / "jwks.json"), default="allow")) as control:
        desired = control.plane.store.desired
        assert json.loads(desired.content("keys", "k1") or b"") == JWKS["keys"][0]
        assert desired.content(RULES, "default") == b'{"default":"allow"}'
        assert control.admin.port > 0


async def test_what_it_cannot_start_with_is_named(settings_of, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for name, text in (
        ("keys", str(tmp_path / "bad.json")),
        ("keys", str(tmp_path / "none.json")),
        ("tls", "off"),
    ):
        with pytest.raises(BadSettings) as caught:
            async with running(settings_of(**({"listen": "0.0.0.0:0"} if name == "tls" else {}) | {name: text})):
                pass
        assert caught.value.setting == name
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match="data"):
        async with running(settings_of(data=str(tmp_path / "file"))):
            pass


async def test_a_tick_that_fails_does_not_end_control(settings_of, until, monkeypatch) -> None:
    monkeypatch.setattr("control.popularity.service.PLAN_EVERY", 0.01)
    async with running(settings_of()) as control:
        plane = control.plane
        ticks = plane.hot_titles.planner.plan
        failing = iter([OverflowError("cannot convert float infinity to integer")])

        def plan(*arguments):
            for error in failing:
                raise error
            return ticks(*arguments)

        monkeypatch.setattr(plane.hot_titles.planner, "plan", plan)
        await until(lambda: plane.supervised.failures["hot-titles"] == 1)
        async with ControlClient(str(control.listen)) as client:
            assert (await client.status()).titles == 0


async def test_a_hook_that_fails_costs_one_message(settings_of, until) -> None:
    async with running(settings_of()) as control:
        fanout = control.plane.fanout
        heard: list[float] = []

        def hook(_: object, report: Report) -> None:
            heard.append(report.seconds)
            if len(heard) == 1:
                raise RuntimeError("bug")

        fanout.on_report.insert(0, hook)
        link = await EdgeStream.connect(str(control.listen))
        await link.send(Hello("e1"))
        for seconds in (1.0, 2.0):
            await link.send(Report(seconds))
        await until(lambda: heard == [1.0, 2.0])
        assert fanout.failed_hooks == 1
        assert fanout.edges["e1"].connected
        await link.close()


async def test_a_damaged_database_is_named(settings_of, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "control.sqlite3").write_bytes(b"junk" * 1000)
    with pytest.raises(StorageFailed, match=r"control\.sqlite3"):
        async with running(settings_of()):
            pass


async def test_a_second_control_over_the_same_data_is_refused(settings_of) -> None:
    async with running(settings_of()):
        with pytest.raises(BadSettings, match="in use by another control"):
            async with running(settings_of()):
                pass
    async with running(settings_of()):
        pass


async def test_an_admin_port_that_is_taken_is_named(settings_of, tmp_path: Path) -> None:
    async with running(settings_of()) as control:
        with pytest.raises(BadSettings, match="admin"):
            async with running(settings_of(admin=str(control.admin), data=str(tmp_path / "other"))):
                pass


def start(tmp_path: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "tools.cli", "control", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--data", str(tmp_path / "data")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    ready = process.stdout.readline().split()
    assert ready[:2] == ["ready", "control"]
    return process, ready[2].removeprefix("grpc://")


async def test_the_program_starts_again_after_a_kill_and_stops_cleanly(tmp_path: Path) -> None:
    process, address = start(tmp_path)
    async with ControlClient(address) as client:
        taken = await client.put_titles([{"contentId": "film", "countries": ["DE"]}])
    process.kill()
    process.communicate()
    process, address = start(tmp_path)
    async with ControlClient(address) as client:
        status = await client.status()
        assert (status.titles, status.revision) == (1, taken.revision)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors


async def test_two_controls_over_one_database_hold_the_same(settings_of, tmp_path: Path, postgresql_url, until) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    of_the_server = {"database": postgresql_url, "database_password_file": str(tmp_path / "password")}
    async with running(settings_of(**of_the_server)) as one, running(settings_of(**of_the_server)) as two:
        async with ControlClient(str(one.listen)) as client:
            taken = await client.put_titles([{"contentId": "film", "countries": ["DE"]}])
        await until(lambda: two.plane.store.desired.revision == taken.revision)
        async with ControlClient(str(two.listen)) as client:
            status = await client.status()
            assert (status.titles, status.revision) == (1, taken.revision)


async def test_a_database_of_its_own_is_locked_too(settings_of, tmp_path: Path) -> None:
    file = str(tmp_path / "else.sqlite3")
    async with running(settings_of(database=file)):
        with pytest.raises(BadSettings, match=r"database.*in use by another control"):
            async with running(settings_of(database=file, data=str(tmp_path / "other"))):
                pass


async def test_a_database_that_is_away_at_the_start_is_named(settings_of) -> None:
    with pytest.raises(StorageFailed, match=r"postgresql://127\.0\.0\.1:1/fleet: "):
        async with running(settings_of(database="postgresql://matinee@127.0.0.1:1/fleet")):
            pass


async def test_it_is_not_ready_before_its_last_door_is_open(settings_of, monkeypatch, until) -> None:
    """A gate stands before the gRPC listeners, which are opened after HTTP's."""
    gate, reached = asyncio.Event(), asyncio.Event()
    begin = control.app.server.start

    async def start_late(*arguments):
        reached.set()
        await gate.wait()
        return await begin(*arguments)

    monkeypatch.setattr(control.app.server, "start", start_late)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        admin = f"127.0.0.1:{probe.getsockname()[1]}"
    over = asyncio.Event()

    async def run() -> None:
        async with running(settings_of(admin=admin)):
            await over.wait()

    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as session:
        tasks.create_task(run())
        await reached.wait()
        async with session.get(f"http://{admin}/readyz") as answer:
            assert (answer.status, (await answer.json())["reason"]) == (503, "not-ready")
        gate.set()

        async def ready() -> bool:
            async with session.get(f"http://{admin}/readyz") as answer:
                return answer.status == 200

        async with asyncio.timeout(20):
            while not await ready():
                await asyncio.sleep(0.005)
        over.set()
