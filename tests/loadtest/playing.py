"""Plays viewers with the asyncio driver for a test, in compressed time."""

import asyncio
import sys

from loadtest.drivers.asyncio_driver import AsyncioDriver
from loadtest.player.settings import PlayerSettings
from loadtest.session import RequestKind
from tests.loadtest.simulated import hls_title

FILM = hls_title(seconds=20, ladder={360: 400_000, 720: 1_500_000})
MASTER = "/cdn/eu/t/master.m3u8"
SEGMENT = "/cdn/eu/t/v360/00002.m4s"


async def play(*viewers, seconds=20.0, settings=None, speed=40.0, **options):
    records = []
    driver = AsyncioDriver(settings or PlayerSettings(), speed=speed, **options)
    await driver.play(viewers, seconds, records.append)
    assert driver.playing == 0
    return records, driver


def outcomes(record, kind=RequestKind.SEGMENT):
    return {key.outcome for key in record.requests if key.kind is kind}


async def locust(host, *words):
    """Run Locust; (exit code, output, errors)."""
    command = ["-m", "locust", "-f", "loadtest/locustfile.py", "--host", host, "--headless", "--json", *words]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, errors = await process.communicate()
    return process.returncode, said.decode(), errors.decode()
