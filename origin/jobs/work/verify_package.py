"""The step `verify`: every file that the playlists name is there, and encrypted where it must be."""

from __future__ import annotations

from pathlib import Path

from kernel.errors import Bug
from kernel.media.playlist import parse_media
from origin.encode.plan import EncodePlan
from origin.package.packager import rendition_folder
from origin.package.title import Packaged
from origin.verify.encryption import is_encrypted, read_protection

_MAX_HEAD = 4 << 20


def verify_package(packaged: Path, plan: EncodePlan, publication: int, made: Packaged) -> None:
    """Verify a packaged title. Raises Bug naming the file."""
    tree = packaged / "tree"
    for name in (*(rung.name for rung in plan.rungs), *(track.name for track in plan.audio)):
        _verify_rendition(tree / rendition_folder(name, publication), encrypted=made.encryption is not None)
    for names in (made.streams, *made.tiers.values()):
        for name in names.values():
            if not (packaged / "tops" / name).is_file():
                raise Bug(f"the package has no {name}")


def _verify_rendition(folder: Path, *, encrypted: bool) -> None:
    try:
        playlist = parse_media((folder / "main.m3u8").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Bug(f"{folder.name}/main.m3u8 cannot be read: {error}") from None
    if not (playlist.ended and playlist.init and playlist.segments):
        raise Bug(f"{folder.name}/main.m3u8 is not a complete VOD playlist with an init segment")
    for uri in (playlist.init, *(segment.uri for segment in playlist.segments)):
        file = folder / uri
        if not file.is_file() or file.stat().st_size == 0:
            raise Bug(f"{folder.name}/main.m3u8 names {uri!r}, which is missing or empty")
    if not encrypted:
        return
    if read_protection((folder / playlist.init).read_bytes()) is None:
        raise Bug(f"{folder.name}/{playlist.init} is not encrypted")
    for segment in playlist.segments:
        with (folder / segment.uri).open("rb") as opened:
            if not is_encrypted(opened.read(_MAX_HEAD)):
                raise Bug(f"{folder.name}/{segment.uri} is not encrypted")
