"""Locust itself runs the file, alone and with two worker processes."""

import json

import pytest

from tests.loadtest.playing import FILM, MASTER, locust
from tests.loadtest.serving import serving


def table(text):
    """Locust's rows by name, from a list whose first bracket may be missing."""
    listed, _ = json.JSONDecoder().raw_decode("[" + text.strip().removeprefix("["))
    return {row["name"]: row for row in listed}


async def rows_of(*words):
    async with serving(FILM) as server:
        flags = ["-u", "4", "-r", "4", "--speed", "4", "--unlimited", "--watch-seconds", "3"]
        code, said, errors = await locust(server.url + MASTER, *flags, *words)
    # Workers print their own, empty lists.
    rows = max((table(text) for text in said.split("\n[") if "{" in text), key=len)
    assert code == 0, errors
    assert all(row["num_failures"] == 0 for row in rows.values())
    return rows


@pytest.mark.parametrize(
    "words", [("-t", "90s", "--sessions", "6"), ("-t", "9s", "--processes", "2")], ids=["alone", "two workers"]
)
async def test_users_watch_and_the_table_and_the_report_show_what_they_saw(words, tmp_path):
    report_flags = ["--report-json", str(tmp_path / "r.json"), "--report-html", str(tmp_path / "r.html")]
    rows = await rows_of(*words, *report_flags)
    assert any(name.startswith("ended: ") for name in rows)
    assert {"manifest", "init", "segment", "stalled", "late"} <= set(rows)
    assert rows["segment"]["total_content_length"] > 500_000
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["players"] >= 2
    assert report["bytes"] > 500_000
    assert report["run"]["driver"] == "locust"
    assert report["run"]["generatorProcesses"] == (2 if "--processes" in words else 1)
    assert report["generatorCpuShare"] > 0
    assert report["ends"].get("run-ended", 0) >= 1, "users who still play when the test ends are in the report"
    assert "locust" in (tmp_path / "r.html").read_text()
