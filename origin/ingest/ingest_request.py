"""What an ingest is asked for, and what it makes of it before anything is encoded: names, contentId, the new record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from kernel.errors import BadRequest, BadSettings
from kernel.media.ladder import NOMINAL_LINES
from kernel.vocabulary import is_content_id
from origin.encode.encoder import RECIPE
from origin.ingest import metadata
from origin.ingest.probe import shown
from origin.storage.library import TitleRecord

_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """The film and how it is to be known and encoded; BadSettings for an impossible contentId."""

    film: Path
    title: str | None = None
    metadata: dict[str, Any] | None = None
    content_id: str | None = None
    preset: str = "veryfast"
    rungs: int = len(NOMINAL_LINES)
    steering: str = ""

    def __post_init__(self) -> None:
        if self.content_id is not None and not is_content_id(self.content_id):
            why = f"{self.content_id!r} is not 1 to 64 of A-Z a-z 0-9 _ -, beginning with a letter or digit"
            raise BadSettings("content_id", why)

    @property
    def recipe(self) -> str:
        """Changes when the same film would come out different."""
        return f"{RECIPE}:{self.preset}:{self.rungs}"

    def id_for(self, film_hash: str) -> str:
        """The contentId: as asked for, else made of title and content."""
        name = metadata.title_of(self.title, self.metadata or {}, self.film)
        return self.content_id or metadata.content_id(name, film_hash)


def new_record(order: IngestRequest, content_id: str, film_hash: str, published: TitleRecord | None) -> TitleRecord:
    """The record of the publication to come, with what is known before encoding."""
    record = TitleRecord(
        content_id=content_id,
        title="",
        version=published.version + 1 if published else 1,
        published="",
        duration=0.0,
        countries=None,
        metadata={},
        renditions=(),
        sound=(),
        streams={},
        tiers={},
        thumbnail=None,
        thumbnails=None,
        source=film_hash,
        recipe=order.recipe,
        steering=order.steering,
    )
    return known_for(record, order, published)


def known_for(record: TitleRecord, order: IngestRequest, published: TitleRecord | None) -> TitleRecord:
    """Title, metadata and countries as given now; what is not given stays as published before."""
    given = order.metadata
    if given is not None:
        rest = {name: value for name, value in given.items() if name not in ("title", "countries")}
        countries = given.get("countries")
        listed = None if countries is None else tuple(countries)
        record = msgspec.structs.replace(record, metadata=rest, countries=listed)
    elif published:
        record = msgspec.structs.replace(record, metadata=published.metadata, countries=published.countries)
    if published and not (order.title or (given or {}).get("title")):
        return msgspec.structs.replace(record, title=published.title)
    return msgspec.structs.replace(record, title=metadata.title_of(order.title, given or {}, order.film))


def hash_of(film: Path, on_bytes: Callable[[int], object]) -> str:
    """128 bits of SHA-256 of the whole file, in hex; `on_bytes` is told how many are read."""
    whole = hashlib.sha256()
    done = 0
    try:
        with film.open("rb") as opened:
            while data := opened.read(_READ):
                whole.update(data)
                done += len(data)
                on_bytes(done)
    except OSError as error:
        raise BadRequest(422, "not-readable", f"{shown(film)} cannot be read: {error.strerror}") from None
    return whole.hexdigest()[:32]
