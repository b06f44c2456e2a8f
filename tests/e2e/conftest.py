"""The whole platform, started once by `matinee up` with a short film in it, and what asks it."""

import contextlib
import http.client
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from origin.ingest import subprocesses
from tests.e2e.browsing import Viewer, chromium
from tools.bench.processes import tree
from tools.up.plan import Addresses, Plan, all_programs
from tools.up.ports import why_not_free

ROOT = Path(__file__).resolve().parents[2]
UP_WITHIN = 90
STOPPED_WITHIN = 30
ENCRYPTED_ID = "encrypted-film"
COUNTRIES = {"127.0.0.1": "DE", "127.0.0.3": "US"}
"""Where viewers at these addresses are."""


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    fields: http.client.HTTPMessage = field(repr=False)
    body: bytes = field(repr=False)

    def json(self):
        return json.loads(self.body)


def get(url, *, at="127.0.0.1", **fields):
    """GET as a viewer at this address."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20, source_address=(at, 0))
    with contextlib.closing(connection):
        connection.request("GET", url.removeprefix(f"http://{parts.netloc}"), headers=fields)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def until(condition, what, *, within=20.0):
    """The condition's value once it is true, asked again and again; how many seconds that took."""
    began = time.monotonic()
    while not (value := condition()):
        assert time.monotonic() - began < within, f"{what}: not within {within:g} s"
        time.sleep(0.02)
    return value, time.monotonic() - began


class Platform:
    """`matinee up`, running."""

    get = staticmethod(get)
    until = staticmethod(until)

    def __init__(self, process, plan, film, content_id):
        self.process = process
        self.plan = plan
        self.film = film
        self.content_id = content_id
        self.page = plan.addresses.page

    def start(self, *, at="127.0.0.1"):
        """What `GET /playback/start` answers a viewer at this address."""
        return get(f"{self.page}/playback/start?contentId={self.content_id}", at=at)

    def licence(self, *choice):
        """Say where the film may be watched, by the operator's command."""
        command = [sys.executable, "-P", "-m", "tools.cli", "catalogue", "licence", self.content_id, *choice]
        command += ["--data", str(self.plan.state / "services")]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=30)

    def operate(self, method, path, body=None):
        """An operator's call of the services, with their API key."""
        headers = {"Authorization": f"Bearer {self.plan.api_key.read_text().strip()}"}
        headers |= {"Content-Type": "application/json"} if body else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.page}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def pid_at(self, host, port):
        """The process of ours that listens there, or None."""
        wanted = f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == wanted and row[3] == "0A"}
        for pid in tree(self.process.pid):
            if sockets & set(open_files(pid)):
                return pid
        return None


def open_files(pid):
    """What a process has open; a descriptor that is closed while we look is passed over, not the whole process."""
    with contextlib.suppress(OSError):
        for entry in list(Path(f"/proc/{pid}/fd").iterdir()):
            with contextlib.suppress(OSError):
                yield str(entry.readlink())


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """10 s of a moving pattern with a tone: 640×360, 25 frames a second."""
    target = tmp_path_factory.mktemp("film") / "pattern.mp4"
    pattern = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=10"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=10"]
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", str(target)]
    command = [subprocesses.find_programs().ffmpeg, "-v", "error", "-nostdin", *pattern, *tone, *coded]
    subprocess.run(command, check=True, timeout=60)
    return target


@pytest.fixture(scope="session")
def countries(tmp_path_factory):
    """An .mmdb that knows where COUNTRIES are."""
    target = tmp_path_factory.mktemp("geo") / "countries.mmdb"
    writer = MMDBWriter(4, database_type="Country")
    for address, country in COUNTRIES.items():
        writer.insert_network(IPSet([str(ip_network(address))]), {"country": {"iso_code": country}})
    writer.to_db_file(str(target))
    return target


def free_ports(state, geo):
    """Choices whose ports nobody uses now; below those that the kernel gives out by itself."""
    for _ in range(200):
        port = random.randrange(10_000, 30_000)
        plan = Plan(Addresses(port), state, "DE", geo, 5.0)
        if all(why_not_free(*address) is None for part in all_programs(plan) for address in part.listens):
            return plan
    raise AssertionError("no free ports for a platform")


def read_until_up(process):
    """What `matinee up` prints until it is up."""
    printed, deadline = b"", time.monotonic() + UP_WITHIN
    while b"Matinee is up: " not in printed or not printed.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
        printed += chunk
        assert chunk, f"`matinee up` did not come up:\n{printed.decode(errors='replace')}"
    return printed.decode()


def is_running(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture(scope="session")
def platform(tmp_path_factory, film, countries):
    """The platform, up; at the end Ctrl-C has to end every process of it."""
    plan = free_ports(tmp_path_factory.mktemp("platform") / "state", countries)
    command = [sys.executable, "-P", "-m", "tools.cli", "up", "--port", str(plan.addresses.port)]
    command += ["--state", str(plan.state), "--film", str(film), "--geo", str(countries), "--with-parent"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        printed = read_until_up(process)
        assert f"Matinee is up: {plan.addresses.page}/" in printed
        content_id = re.search(r"contentId=([\w-]+)", printed)[1]
        yield Platform(process, plan, film, content_id)
        family = tree(process.pid)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=STOPPED_WITHIN)
        assert process.returncode == 0, said.decode(errors="replace")
        assert not [pid for pid in family if is_running(pid)], "processes outlived the platform"
    finally:
        for pid in tree(process.pid) if process.poll() is None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


@pytest.fixture
def session(platform):
    """A session of a viewer in Germany: what `GET /playback/start` answers."""
    answer = platform.start()
    assert answer.status == 200, answer.body
    return answer.json()


@pytest.fixture(scope="session")
def encrypted(platform, tmp_path_factory):
    """720 lines in English and German, encrypted by `cbcs`; of 16.04 s, so that the last segment lasts 0.04 s."""
    film = tmp_path_factory.mktemp("film") / "two_languages.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=16.04"]
    for tone in (440, 330):
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000:duration=16.04"]
    coded = ["-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    coded += ["-c:a", "aac", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu", str(film)]
    command = [subprocesses.find_programs().ffmpeg, "-v", "error", "-nostdin", *inputs, *coded]
    subprocess.run(command, check=True, timeout=60)
    plan = platform.plan
    command = [sys.executable, "-P", "-m", "tools.cli", "ingest", str(film), "--store", str(plan.store)]
    command += ["--content-id", ENCRYPTED_ID, "--title", "Encrypted film", "--preset", "ultrafast", "--rungs", "3"]
    command += ["--steering", platform.page, "--encrypt", "cbcs", "--key-server", platform.page]
    command += ["--key-server-key-file", str(plan.api_key)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    start = f"{platform.page}/playback/start?contentId={ENCRYPTED_ID}"
    platform.until(lambda: platform.get(start).status == 200, "the encrypted film in the catalogue")
    return ENCRYPTED_ID


@pytest.fixture(scope="module")
def browser(program):
    """A Chromium. Not for longer than a module: its driver's loop would be in the way of asynchronous tests."""
    with chromium(program) as opened:
        yield opened


@pytest.fixture
def viewer(browser, platform):
    """Makes viewers, each with a browser of their own, who leave at the end."""
    made = []

    def make(device=None, **options):
        made.append(Viewer(browser, platform, device, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
