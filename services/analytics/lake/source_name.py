"""The name of a log in the lake, made once."""

from __future__ import annotations

import re
from pathlib import Path
from secrets import token_hex

from kernel.errors import StorageFailed
from system.durable_files import replace_file
from system.private_files import private_folder

_NAME = re.compile(r"log-[0-9a-f]{12}")


def source_name(folder: Path) -> str:
    """The name of the log in this folder, made once: several logs write into one lake. Raises StorageFailed."""
    path = folder / "source.name"
    try:
        if path.exists() and _NAME.fullmatch(name := path.read_text()[:64].strip()):
            return name
        private_folder(folder)
        name = f"log-{token_hex(6)}"
        replace_file(path, name.encode())
        return name
    except OSError as error:
        raise StorageFailed(f"{path} cannot be used: {error.strerror}") from error
