"""Runs `matinee recommend train` as a process of its own, with less priority than whoever answers viewers."""

from __future__ import annotations

import asyncio
import os
import sys

from services.settings import ServicesSettings

PRIORITY = 10


async def run_training(settings: ServicesSettings) -> int:
    """Train by the command, over the same data; its exit code. Ends the process when cancelled."""
    command = [sys.executable, "-m", "tools.cli", "recommend", "train", "--data", str(settings.data)]
    if settings.database is not None:
        command += ["--database", settings.database]
    if settings.database_password_file is not None:
        command += ["--database-password-file", str(settings.database_password_file)]
    command += ["--trend-half-life", f"{settings.trend_half_life:g}s"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    os.setpriority(os.PRIO_PROCESS, process.pid, PRIORITY)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
