"""Four load-test stories at small size, one after another on one running platform: what viewers see when it fails.

A platform of its own, since its edges and its control are killed; its film is longer than any buffer of the players.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from origin.ingest import subprocesses
from tests.e2e.conftest import ROOT, free_ports, read_until_up
from tools.bench.processes import tree

SECONDS = 14
PLAYERS = 12


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The state folder of a running `matinee up` with a film of a minute, cheap to encode."""
    folder = tmp_path_factory.mktemp("stories")
    film, plan = folder / "bars.mp4", free_ports(folder / "state", None)
    bars = ["-f", "lavfi", "-i", "smptebars=size=640x360:rate=8:duration=60"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=60"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", str(film)]
    subprocess.run(
        [subprocesses.find_programs().ffmpeg, "-v", "error", "-nostdin", *bars, *tone, *coded], check=True, timeout=60
    )
    command = [sys.executable, "-P", "-m", "tools.cli", "up", "--port", str(plan.addresses.port)]
    command += ["--state", str(folder / "state"), "--film", str(film), "--with-parent"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        read_until_up(process)
        yield folder / "state", plan.addresses.page
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        for pid in tree(process.pid) if process.poll() is None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


@pytest.fixture
def play(state, tmp_path):
    """Play a story that ships with Matinee; its report, in which everything held but for start-up times.

    Those are the machine's as much as the platform's: the suite may share its cores.
    """
    folder, page = state

    def played(story):
        command = [sys.executable, "-P", "-m", "tools.cli", "loadtest", story, "--target", page]
        command += ["--platform", str(folder), "--players", str(PLAYERS), "--seconds", str(SECONDS)]
        command += ["--json", str(tmp_path / "report.json"), "--quiet"]
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS + 60)
        report = json.loads((tmp_path / "report.json").read_text()) if done.returncode in (0, 1) else None
        assert report is not None, (done.stdout, done.stderr)
        missed = [row for row in report["expectations"] if not row["ok"] and "startup" not in row["name"]]
        assert not missed, (missed, report["run"]["actions"])
        assert not [action for action in report["run"]["actions"] if action["error"]]
        assert report["players"] == PLAYERS
        return report

    return played


def program(report, name):
    return next(node for node in report["nodes"] if node["name"] == name)


def test_many_viewers_of_one_title_cost_the_origin_one_request_an_object(play):
    report = play("premiere")  # the first story: nothing is cached yet
    assert report["notMeasured"] == []
    # Top playlists live for seconds only: the origin answers their revalidations without a body.
    assert 0 < report["originBodies"] < 1.2 * report["objects"]


def test_no_viewer_waits_long_when_the_busiest_edge_is_killed(play):
    report = play("edge-dies")
    killed, _ = report["run"]["actions"]
    edge = killed["command"].split("outage ")[1].split()[0]
    assert program(report, edge)["unanswered"] > 0, "it was down"
    assert report["pathwaySwitches"] > 0, "players were on it"
    assert report["longestStallMs"]["max"] < 2000
    assert report["failedRequests"] > 0, "they saw it die, and played on"


def test_nobody_notices_that_control_is_dead(play):
    report = play("control-dies")
    assert program(report, "control")["totals"].keys() >= {"cpu_s"}
    assert report["failedRequestShare"] < 0.001


def test_playback_goes_on_while_everything_is_purged_again_and_again(play):
    report = play("purge-storm")
    purges = [action for action in report["run"]["actions"] if action["name"] == "purge"]
    assert len(purges) == 10
    assert not any(purge["error"] for purge in purges)
