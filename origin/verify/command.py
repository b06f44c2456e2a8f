"""`matinee origin verify CONTENTID`: check a published title, every byte of it; exit code 0 if it is whole."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import BadRequest
from kernel.settings.store_address import StoreAddress
from kernel.settings.table import choice, setting
from kernel.vocabulary import is_content_id
from origin.ingest.progress import Progress, show_progress
from origin.storage.library import Library
from origin.storage.records import Publication, TitleRecord
from origin.stores.open_store import open_store, store_setting
from origin.verify.findings import CHECK_SENTENCES, Check, Finding
from origin.verify.title import verify_published


@dataclass(frozen=True)
class VerifySettings:
    """The settings of a verification."""

    store: StoreAddress = store_setting("store")
    store_credentials: Path | None = store_setting("store_credentials")
    replica_store: StoreAddress | None = store_setting("replica_store")
    cold_store: StoreAddress | None = store_setting("cold_store")
    store_keys: str | None = store_setting("store_keys")
    format: str = setting(choice("text", "json"), "text", "Output: a line for each finding, or one JSON object.")


SETTINGS = VerifySettings


@dataclass(frozen=True, slots=True)
class Verified:
    """The result: the title, its manifest and the findings."""

    title: TitleRecord
    publication: Publication
    findings: list[Finding]

    @property
    def files(self) -> int:
        """The number of files."""
        return sum(1 for _ in self.publication.objects())

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(record.size for record in self.publication.objects())


def run(settings: VerifySettings, content: str) -> int:
    """Verify and print; returns the exit code."""
    if not is_content_id(content):
        raise BadRequest(400, "content-id", f"{content[:80]!r} is not a contentId")
    with show_progress() as progress:
        done = asyncio.run(_verify(Library(open_store(settings, os.environ)), content, progress))
    if settings.format == "json":
        print(msgspec.json.encode(report(done)).decode())
    else:
        for line in lines(done):
            print(line)
        sys.stdout.flush()
    return 1 if done.findings else 0


async def _verify(library: Library, content_id: str, progress: Progress) -> Verified:
    title = await library.title(content_id)
    if title is None:
        raise BadRequest(404, "no-such-title", f"no title {content_id} is published in {library.store.name}")
    publication = await library.current(title)
    progress.start_step("verify", sum(1 for _ in publication.objects()))
    findings = await verify_published(library, title, progress.advance)
    progress.finish_step("at fault" if findings else "whole")
    return Verified(title, publication, findings)


def lines(done: Verified) -> list[str]:
    """The output as text: the findings, then a line of what was verified."""
    title = done.title
    told = f"{title.content_id}: publication {title.version}, {done.files} files, {done.size / 1e6:.1f} MB"
    count = len(done.findings)
    verdict = f"{count} finding{'' if count == 1 else 's'}" if count else f"whole ({', '.join(Check)})"
    return [*map(str, done.findings), f"{told}: {verdict}"]


def report(done: Verified) -> dict[str, object]:
    """The output as JSON."""
    return {
        "contentId": done.title.content_id,
        "publication": done.title.version,
        "files": done.files,
        "bytes": done.size,
        "whole": not done.findings,
        "checks": {str(check): sentence for check, sentence in CHECK_SENTENCES.items()},
        "findings": [{"check": str(one.check), "path": one.path, "detail": one.detail} for one in done.findings],
    }
