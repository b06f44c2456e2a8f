"""Deletes what publishers left that were killed, failed or lost to another one."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.store_faults import StoreFault
from origin.storage.library import Library
from origin.storage.records import Publication, PublicationRef, encode_record, manifest_key, object_key, title_key
from origin.stores.object_store import ABSENT, ObjectInfo, StoreFailed


async def sweep(library: Library, content_id: str, *, before: float, is_dry: bool = False) -> int:
    """Delete what no publication of the title names and nobody has written to since `before` (Unix s).

    Returns the number of deleted objects; `is_dry` counts them only. Objects of a publication go together, and only
    after its manifest says so: a publisher that is slower than any grace period then fails instead of publishing holes.
    """
    objects = [one async for one in library.store.list(f"media/{content_id}/")]
    manifests = [one async for one in library.store.list(f"manifests/{content_id}/")]
    manifests += [one async for one in library.store.list(f"titles/{content_id}/")]
    # Race: the title is read after the listing, so that whatever was listed and is published by now is known.
    title = await library.title(content_id)
    known = {title_key(content_id)}
    for ref, made in zip(title.kept(), await library.publications(title), strict=True) if title else ():
        known |= {object_key(content_id, made.number, record) for record in made.objects()}
        known.add(manifest_key(content_id, ref))
    strays = [one for one in (*objects, *manifests) if one.key not in known]
    swept = 0
    for name, group in _by_publication(content_id, strays).items():
        keys = [one.key for one in group]
        if any(one.modified >= before for one in group):
            continue
        if is_dry:
            swept += len(keys)
        elif not name or await _bury(library, content_id, name):
            await library.store.delete([key for key in keys if key.startswith("media/")])
            await library.store.delete([manifest_key(content_id, _named(name))] if name else [])
            await library.store.delete([key for key in keys if not key.startswith("media/")])
            swept += len(keys)
    return swept


async def _bury(library: Library, content_id: str, name: str) -> bool:
    """Mark the manifest of a publication that was never current; False if its publisher is still at work."""
    key, ref = manifest_key(content_id, _named(name)), _named(name)
    known = await library.store.get(key)
    gone = encode_record(Publication(ref.number, "", (), (), abandoned=True))
    try:
        await library.store.put(key, gone, only_if=known.tag if known else ABSENT)
    except StoreFailed as error:
        if error.fault is StoreFault.CONFLICT:
            return False
        raise
    return True


def _by_publication(content_id: str, strays: Iterable[ObjectInfo]) -> dict[str, list[ObjectInfo]]:
    """Stray objects by the name of their publication; "": those of an older store's layout."""
    groups: dict[str, list[ObjectInfo]] = {}
    media, manifests = f"media/{content_id}/publication-", f"manifests/{content_id}/"
    for stray in strays:
        name = ""
        if stray.key.startswith(media):
            name = stray.key.removeprefix(media).partition("/")[0]
        elif stray.key.startswith(manifests):
            name = stray.key.removeprefix(manifests).removesuffix(".json")
        groups.setdefault(name, []).append(stray)
    return groups


def _named(name: str) -> PublicationRef:
    number = name.partition("-")[0]
    return PublicationRef(int(number) if number.isdecimal() else 0, name, "")
