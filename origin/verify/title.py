"""Verifies a title: reads all of its files once, then checks what was read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from kernel.errors import Bug
from origin.storage.library import Library
from origin.storage.records import TitleRecord
from origin.verify.findings import Finding
from origin.verify.title_checks import Described, check_title
from origin.verify.title_files import PackagedReader, PublishedReader, read_title

MAX_TOLD = 5
"""Findings in the message of a Bug."""


async def verify_published(
    library: Library, title: TitleRecord, on_file: Callable[[int], object] = lambda _: None
) -> list[Finding]:
    """What is at fault in the current publication of a title. Raises StorageFailed if its manifest cannot be read."""
    reader = PublishedReader(library.store, title.content_id, await library.current(title))
    return check_title(title, await read_title(reader, on_file))


async def verify_packaged(folder: Path, described: Described) -> list[Finding]:
    """What is at fault in `folder`, which `package_title` made, before it is published."""
    return check_title(described, await read_title(PackagedReader(folder)))


def check_packaged(folder: Path, described: Described) -> None:
    """The same for programs without an event loop. Raises Bug with the first findings."""
    found = asyncio.run(verify_packaged(folder, described))
    if found:
        more = f" and {len(found) - MAX_TOLD} more" if len(found) > MAX_TOLD else ""
        raise Bug(f"the packaged title is at fault: {'; '.join(map(str, found[:MAX_TOLD]))}{more}")
