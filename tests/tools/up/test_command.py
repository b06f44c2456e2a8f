"""`matinee up` as a process, with one small server in place of the platform's programs."""

import asyncio
import contextlib
import random
import signal
import socket
import sys

import pytest

from kernel.settings.table import resolve
from tools.up.command import UpSettings

STAND_IN = """
import asyncio, os, sys
from aiohttp import web
from tools.up.supervise_child import die_with_parent
die_with_parent(os.getppid())
exec(os.environ.get("STAND_IN", ""))
BASE = "http://127.0.0.1:" + sys.argv[1]
ANSWERS = {
    "/": "page", "/healthz": "ok", "/titles": '[{"contentId": "bunny"}]',
    "/playback/start": '{"streamUrl": "%s/master.m3u8"}' % BASE, "/master.m3u8": "#EXTM3U",
}
async def answer(request):
    return web.Response(text=ANSWERS[request.path])
app = web.Application()
app.router.add_get("/{path:.*}", answer)
async def on_start(app):
    print("ready stand-in", BASE, flush=True)
app.on_startup.append(on_start)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, handle_signals=True)
"""

UP = """
import os, sys, tools.up.command as up, tools.cli as cli
from tools.up.plan import PlannedProgram
port, stand_in = sys.argv[1:3]
listens, health = (("127.0.0.1", int(port)),), f"http://127.0.0.1:{port}/healthz"
part = PlannedProgram("services", (sys.executable, "-P", stand_in, port), listens, health, "all")
up.waves = lambda plan: ((part,), ())
async def nobody(*_):
    return []
up.enrol_members = nobody
up.all_programs = lambda plan: (part,)
up.ingest_arguments = lambda *_: ("sh", "-c", os.environ.get("INGEST", "echo bunny"))
up.child_argv = lambda arguments: tuple(arguments)
sys.exit(cli.main(["up", "--port", port, *sys.argv[3:]]))
"""


@pytest.fixture
def port():
    """Below the range that the system takes for connections, or one of another test's could have it meanwhile."""
    for _ in range(100):
        number = random.randrange(31_100, 32_700)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", number))
            return number
    raise AssertionError("no free port")


@pytest.fixture
async def up(tmp_path, port):
    """Starts `matinee up` over one state folder; what still runs at the end is killed."""
    started = []
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    film = tmp_path / "film.mp4"
    film.touch()

    async def start(*flags):
        options = ("--state", str(tmp_path / "state"), "--film", str(film), *flags)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", UP, str(port), str(tmp_path / "stand_in.py"), *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def reads_until(process, words):
    text = ""
    async with asyncio.timeout(30):
        while words not in text:
            line = await process.stdout.readline()
            assert line, f"ended before {words!r}: {text}\n{(await process.stderr.read()).decode()}"
            text += line.decode()
    return text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_up_says_so_and_a_signal_stops_it_with_exit_code_0(up, port, number):
    process = await up()
    text = await reads_until(process, "Matinee is up")
    assert text.endswith(f"\nMatinee is up: http://127.0.0.1:{port}/\n")
    process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, err) == (0, b"")
    assert out.endswith(b"Stopped.\n")


async def test_a_second_up_over_one_state_is_refused_while_the_first_runs(up, tmp_path):
    first = await up()
    await reads_until(first, "Matinee is up")
    second = await up()
    _, err = await asyncio.wait_for(second.communicate(), 30)
    assert second.returncode == 2
    assert f"another `matinee up` (process {first.pid}) uses {tmp_path / 'state'}".encode() in err


async def test_a_port_in_use_is_named_before_anything_is_started(up, port, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        process = await up("--fresh", "1")
        _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert f"127.0.0.1:{port} (needed by services) is in use".encode() in err
    assert [entry.name for entry in (tmp_path / "state").iterdir()] == ["up.lock"]


async def test_after_a_kill_the_next_start_takes_up_the_state(up, tmp_path):
    key = tmp_path / "state" / "keys" / "signing.pem"
    first = await up()
    await reads_until(first, "Matinee is up")
    before = key.read_bytes()
    first.kill()
    second = await up()
    await reads_until(second, "Matinee is up")
    assert key.read_bytes() == before


async def test_fresh_starts_anew(up, tmp_path):
    kept = tmp_path / "state" / "store" / "old"
    kept.mkdir(parents=True)
    process = await up("--fresh", "1")
    await reads_until(process, "Matinee is up")
    assert not kept.exists()


async def test_a_film_that_is_not_there_stops_the_start(up):
    process = await up("--film", "/nowhere/film.mp4")
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, b"no file /nowhere/film.mp4" in err) == (2, True)


@pytest.mark.parametrize(
    ("variable", "script", "words"),
    [
        ("INGEST", "echo cannot be read >&2; exit 1", b"the film was not ingested (exit code 1)"),
        ("STAND_IN", "raise SystemExit('no room')", b"services stopped before it was ready (exit code 1)"),
    ],
)
async def test_what_does_not_come_up_is_said_without_a_traceback(up, monkeypatch, variable, script, words):
    monkeypatch.setenv(variable, script)
    process = await up()
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert words in err
    assert b"Traceback" not in err


def test_make_passes_0_and_1_for_fresh():
    assert resolve(UpSettings, flags={"fresh": ["1"]}).fresh is True
    assert resolve(UpSettings, flags={"fresh": ["0"]}).fresh is False
