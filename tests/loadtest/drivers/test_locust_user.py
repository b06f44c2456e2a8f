"""Locust itself runs the file, alone and with two worker processes."""

import asyncio
import json
import sys

import pytest

from tests.loadtest.playing import FILM, MASTER
from tests.loadtest.serving import serving


async def locust(host, *words):
    command = ["-m", "locust", "-f", "loadtest/locustfile.py", "--host", host, "--headless", "--json", *words]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, errors = await process.communicate()
    return process.returncode, said.decode(), errors.decode()


def table(text):
    """Locust's rows by name, from a list whose first bracket may be missing."""
    listed, _ = json.JSONDecoder().raw_decode("[" + text.strip().removeprefix("["))
    return {row["name"]: row for row in listed}


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["alone", "two workers"])
async def test_users_watch_and_the_table_and_the_report_show_what_they_saw(processes, tmp_path):
    async with serving(FILM) as server:
        flags = ["-u", "4", "-r", "4", "-t", "5s", "--speed", "4", "--unlimited", "--watch-seconds", "3"]
        flags += ["--report-json", str(tmp_path / "r.json"), "--report-html", str(tmp_path / "r.html")]
        code, said, errors = await locust(server.url + MASTER, *flags, *processes)
    assert code == 0, errors
    # Workers print their own, empty lists.
    rows = max((table(text) for text in said.split("\n[") if "{" in text), key=len)
    assert {"manifest", "init", "segment", "start-up", "stalled", "late"} <= set(rows)
    assert rows["start-up"]["num_requests"] >= 2
    assert all(row["num_failures"] == 0 for row in rows.values())
    assert rows["segment"]["total_content_length"] > 1_000_000
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["players"] >= 2
    assert report["started"] >= 2
    assert report["bytes"] > 500_000
    assert report["run"]["driver"] == "locust"
    assert report["run"]["generatorProcesses"] == (2 if processes else 1)
    assert report["generatorCpuShare"] > 0
    assert "locust" in (tmp_path / "r.html").read_text()


async def test_a_host_that_cannot_be_played_stops_the_run_with_a_reason():
    code, _, errors = await locust("http://127.0.0.1:1", "-u", "1", "-t", "5s")
    assert code == 2
    assert "neither a playlist nor a gateway" in errors
