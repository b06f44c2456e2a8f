"""Pictures of titles that an import brings as files: kept in DATA/artwork under a name made of their content.

The gateway serves them at /artwork/NAME. A title keeps the address, so that the same picture is stored once.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from system.durable_files import replace_file

FOLDER = "artwork"
MAX_BYTES = 4 << 20


class NoPicture(Exception):
    """A file that cannot be a title's picture; the message says why."""


def picture_suffix(body: bytes) -> str | None:
    """The suffix of a picture by its first bytes; None if it is none that every browser shows."""
    if body.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return ".webp"
    return ".avif" if body[4:12] == b"ftypavif" else None


def store_picture(path: Path, data: Path) -> str:
    """Copy a picture into DATA/artwork; returns its address below the services. Raises NoPicture."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NoPicture(f"{path} cannot be read: {error.strerror}") from None
    if len(body) > MAX_BYTES:
        raise NoPicture(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    suffix = picture_suffix(body)
    if suffix is None:
        raise NoPicture(f"{path} is not a JPEG, PNG, WebP or AVIF picture")
    name = hashlib.blake2b(body, digest_size=16).hexdigest() + suffix
    target = data / FOLDER / name
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, body, mode=0o644)
    return f"/{FOLDER}/{name}"


def store_pictures(title: dict[str, Any], folder: Path, data: Path) -> None:
    """Give each picture of `artwork` with a `file`, relative to `folder`, its `url`. Raises NoPicture."""
    artwork = title.get("artwork")
    for picture in artwork if isinstance(artwork, list) else ():
        if isinstance(picture, dict) and isinstance(file := picture.pop("file", None), str):
            picture["url"] = store_picture(folder / file, data)
