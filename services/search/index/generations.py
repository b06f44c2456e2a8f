"""The generations of the index on disk: the one that serves, and the next one while it is built."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import structlog

from services.search.index.title_index import TitleIndex

log = structlog.get_logger()

_NAME = re.compile(r"generation-(\d{6})\Z")


class Generations:
    """The folder of the search index. Blocking: call it in threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open_latest(self) -> TitleIndex | None:
        """Open the newest generation that is intact and complete; None if there is none.

        Raises MatineeError if another process has it open.
        """
        for number in sorted(self._numbers(), reverse=True):
            index = TitleIndex(self._path(number))
            if index.open():
                if index.checkpoint.complete:
                    return index
                index.close()
        return None

    def create_next(self, epoch: str) -> TitleIndex:
        """Create an empty generation, which serves once it is complete. Raises StorageFailed."""
        index = TitleIndex(self._path(max(self._numbers(), default=0) + 1))
        index.create(epoch)
        return index

    def remove_others(self, kept: TitleIndex) -> None:
        """Delete every other generation, also those that a killed process left unfinished."""
        for number in self._numbers():
            path = self._path(number)
            if path != kept.folder:
                log.info("search-generation-removed", folder=str(path))
                shutil.rmtree(path, ignore_errors=True)
        for old in (self._folder / "index", self._folder / "checkpoint.json"):  # the layout of earlier releases
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)

    def _numbers(self) -> list[int]:
        names = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
        return [int(found[1]) for name in names if (found := _NAME.match(name))]

    def _path(self, number: int) -> Path:
        return self._folder / f"generation-{number:06d}"
