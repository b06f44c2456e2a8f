"""The data folder of an origin's ingest service: its name in the queue, and the lock that keeps other origins out."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from secrets import token_hex

from kernel.errors import BadSettings, StorageFailed
from system.durable_files import create_file
from system.private_files import private_folder


def read_home(data: Path) -> str:
    """This origin's name in the queue; made at the first start. Raises BadSettings."""
    file = data / "origin.id"
    try:
        private_folder(data)
        create_file(file, f"origin-{token_hex(6)}".encode())
        return file.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings("data", f"{file} cannot be used: {error}") from None


def lock_data(data: Path) -> int:
    """Lock the data folder until this process ends. Raises StorageFailed while another origin has it."""
    try:
        handle = os.open(data / "origin.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(f"{data / 'origin.lock'} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StorageFailed(f"another origin uses {data}") from None
    return handle
