"""The request of an ingest, and what follows from it before encoding: title, contentId and the new record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from kernel.errors import BadSettings
from kernel.media.content_keys import EncryptionScheme
from kernel.vocabulary import is_content_id
from origin.encode.planner import recipe_of
from origin.encode.profile import EncodeProfile, merge_profiles
from origin.ingest import metadata
from origin.storage.records import TitleRecord


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """The film, its metadata and how to encode it. Raises BadSettings for an invalid contentId."""

    film: Path
    title: str | None = None
    metadata: dict[str, Any] | None = None
    content_id: str | None = None
    preset: str = "veryfast"
    rungs: int = 5
    steering: str = ""
    encryption: EncryptionScheme | None = None
    profiles: tuple[str, ...] = ("default",)
    sidecars: str = ""
    """A digest of the subtitle files that come with the film."""

    def __post_init__(self) -> None:
        if self.content_id is not None and not is_content_id(self.content_id):
            why = f"{self.content_id!r} must be 1 to 64 of A-Z a-z 0-9 _ - and start with a letter or digit"
            raise BadSettings("content_id", why)

    @property
    def recipe(self) -> str:
        """Identifies the encoding: it changes when the same film would be encoded differently."""
        scheme = f":{self.encryption}" if self.encryption else ""
        return f"{recipe_of(self.profile)}{scheme}{f':{self.sidecars}' if self.sidecars else ''}"

    @property
    def profile(self) -> EncodeProfile:
        """How to encode. Raises BadRequest for an unknown profile."""
        return msgspec.structs.replace(merge_profiles(self.profiles), preset=self.preset, rungs=self.rungs)

    def choose_content_id(self, film_hash: str) -> str:
        """The requested contentId, else one made from title and content."""
        name = metadata.choose_title(self.title, self.metadata or {}, self.film)
        return self.content_id or metadata.make_content_id(name, film_hash)


def with_sidecars(request: IngestRequest, digest: str) -> IngestRequest:
    """The request with the subtitle files that came with its film."""
    return replace(request, sidecars=digest)


def new_record(request: IngestRequest, content_id: str, film_hash: str, published: TitleRecord | None) -> TitleRecord:
    """The record of the new publication, with what is known before encoding."""
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
        recipe=request.recipe,
        steering=request.steering,
    )
    return apply_metadata(record, request, published)


def apply_metadata(record: TitleRecord, request: IngestRequest, published: TitleRecord | None) -> TitleRecord:
    """Set title, metadata and countries from the request; what it does not give stays as published."""
    given = request.metadata
    if given is not None:
        rest = {name: value for name, value in given.items() if name not in ("title", "countries")}
        countries = given.get("countries")
        listed = None if countries is None else tuple(countries)
        record = msgspec.structs.replace(record, metadata=rest, countries=listed)
    elif published:
        record = msgspec.structs.replace(record, metadata=published.metadata, countries=published.countries)
    if published and not (request.title or (given or {}).get("title")):
        return msgspec.structs.replace(record, title=published.title)
    return msgspec.structs.replace(record, title=metadata.choose_title(request.title, given or {}, request.film))
