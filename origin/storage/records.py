"""What the store knows of a title: its record, its publications and their manifests, and the keys of all of them. Pure.

Keys:
    titles/<contentId>/title.json                       the title record: the one object that is replaced
    manifests/<contentId>/<publication>.json            the manifest of a publication, never changed
    media/<contentId>/publication-<publication>/<path>  its objects, never changed
    mark.json                                           changes with every title record, so that origins can poll it

A publication's name is its number and a hash of what it holds. So two publishers of the same number never write the
same key with different content, and a publisher that was killed goes on where it was.

Stores of older versions have `titles/<contentId>/publication-<n>.json`, `media/<contentId>/<path>` and
`media/<contentId>/top-<n>/<name>`; they are read as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from kernel.store_faults import StoreFault
from origin.stores.frames import is_header
from origin.stores.object_store import StoreFailed

T = TypeVar("T")
CHANGE_MARK = "mark.json"
ETAG_CHARACTERS = 32


class FileRecord(msgspec.Struct, frozen=True, array_like=True):
    """An object of a publication: path below the title, size in bytes, SHA-256 in hex (older stores: its first half).

    `key`: the object's key in the store; "": as an older store names it.
    """

    path: str
    size: int
    digest: str
    key: str = ""

    @property
    def etag(self) -> str:
        """The strong entity tag, without quotes."""
        return self.digest[:ETAG_CHARACTERS]


class Rendition(msgspec.Struct, frozen=True, rename="camel"):
    """A video rendition: encoded size in pixels, nominal `lines`, peak `bandwidth` with audio in bit/s."""

    name: str
    width: int
    height: int
    lines: int
    bandwidth: int


class AudioRendition(msgspec.Struct, frozen=True, rename="camel"):
    """An audio rendition: ISO 639 language or `und`, bandwidth in bit/s. `title`: for a menu; `default`: the first."""

    name: str
    language: str
    bandwidth: int
    channels: int = 2
    title: str = ""
    default: bool = False


class TextRendition(msgspec.Struct, frozen=True, rename="camel"):
    """Subtitles: ISO 639 language or `und`. `title`: for a menu; `forced`: only what is not in the film's language."""

    name: str
    language: str
    title: str = ""
    forced: bool = False


class EncryptionRecord(msgspec.Struct, frozen=True, rename="camel"):
    """How a publication is encrypted: the scheme (cbcs, cenc) and the key ids in hex by label (SD, HD, UHD, AUDIO)."""

    scheme: str
    key_ids: dict[str, str]


class Publication(msgspec.Struct, frozen=True, rename="camel"):
    """The manifest of a publication: `files` never change, `tops` are replaced by those of the next publication."""

    number: int
    published: str
    files: tuple[FileRecord, ...]
    tops: tuple[FileRecord, ...]
    abandoned: bool = False
    """Its objects are being deleted: it was never current, and never will be."""

    def objects(self) -> Iterable[FileRecord]:
        """All objects, files first."""
        yield from self.files
        yield from self.tops


class PublicationRef(msgspec.Struct, frozen=True, rename="camel"):
    """A publication that a title still has: its number, its name ("": as an older store names it), its date."""

    number: int
    name: str
    published: str


class TitleRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A title, and which publication is current. `source` and `recipe` show whether an ingest would produce the same
    files."""

    content_id: str
    title: str
    version: int
    published: str
    duration: float
    countries: tuple[str, ...] | None
    metadata: dict[str, Any]
    renditions: tuple[Rendition, ...]
    sound: tuple[AudioRendition, ...]
    streams: dict[str, str]
    tiers: dict[str, dict[str, str]]
    thumbnail: str | None
    thumbnails: str | None
    source: str
    recipe: str
    steering: str = ""
    """The gateway for content steering that its top files name; "": none."""
    encryption: EncryptionRecord | None = None
    """None: the files are clear."""
    text: tuple[TextRendition, ...] = ()
    publications: tuple[PublicationRef, ...] = ()
    """Those whose objects are kept, oldest first, the current one last; (): an older store's record, see `kept`."""
    withdrawn: str = ""
    """When an operator took it down, in ISO 8601: nobody can play it; "": it is published."""

    def kept(self) -> tuple[PublicationRef, ...]:
        """The publications whose objects are kept, the current one last."""
        if self.publications:
            return self.publications
        return tuple(
            PublicationRef(number, "", self.published if number == self.version else "")
            for number in range(1, self.version + 1)
        )


def title_key(content_id: str) -> str:
    """The key of a title's record."""
    return f"titles/{content_id}/title.json"


def manifest_key(content_id: str, ref: PublicationRef) -> str:
    """The key of a publication's manifest."""
    if not ref.name:
        return f"titles/{content_id}/publication-{ref.number}.json"
    return f"manifests/{content_id}/{ref.name}.json"


def publication_prefix(content_id: str, name: str) -> str:
    """What the keys of a publication's own objects start with."""
    return f"media/{content_id}/publication-{name}/"


def object_key(content_id: str, number: int, record: FileRecord) -> str:
    """The key of an object of publication `number`."""
    if record.key:
        return record.key
    if "/" in record.path:
        return f"media/{content_id}/{record.path}"
    return f"media/{content_id}/top-{number}/{record.path}"


def publication_name(number: int, salt: int, records: Iterable[FileRecord]) -> str:
    """The name of a publication with these objects; another `salt` gives another name to the same ones."""
    whole = hashlib.sha256(f"{salt}".encode())
    for record in records:
        whole.update(f"\n{record.path} {record.size} {record.digest}".encode())
    return f"{number}-{whole.hexdigest()[:16]}"


def encode_record(value: object) -> bytes:
    """A record as JSON; a manifest in compact form, others indented for people."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0 if isinstance(value, Publication) else 1)


def decode_record(data: bytes, kind: type[T], key: str) -> T:
    """A record from JSON; fails with DAMAGED naming the key."""
    if is_header(data):
        raise StoreFailed(StoreFault.DAMAGED, f"{key} in the store is encrypted: set store_keys")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreFailed(StoreFault.DAMAGED, f"{key} in the store is damaged: {error}") from None


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
