"""Reads the boxes of ISO base media files (ISO 14496-12). Pure."""

from __future__ import annotations

from collections.abc import Iterator


def bodies(data: bytes, *path: bytes) -> Iterator[bytes]:
    """The bodies of all boxes at a path of types, such as `moof`, `traf`, `tfdt`."""
    for kind, body in boxes(data):
        if kind == path[0]:
            if len(path) == 1:
                yield body
            else:
                yield from bodies(body, *path[1:])


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of the boxes in order; ends at a damaged one."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size
