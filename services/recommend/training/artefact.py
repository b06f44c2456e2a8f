"""A trained model as a folder of files with checksums, which serving maps into memory.

    manifest.json   what it is, how it was judged, and the size and checksum of every other file
    items.json      the contentIds, in the order of the rows
    *.npy           arrays

The manifest is written last: a folder without one, or with a file that does not match it, is no artefact.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xxhash
from msgspec import Struct
from numpy.typing import NDArray

from kernel.errors import StorageFailed
from services.recommend.models.blend import FittedModel
from services.recommend.models.content import ContentModel
from services.recommend.models.ials import IalsParameters
from services.recommend.models.top_weights import DenseWeights, TitleWeights, TopWeights
from services.recommend.models.trend import Trend
from system.durable_files import replace_file, sync_path

FORMAT = 1
MANIFEST = "manifest.json"
ITEMS = "items.json"
CHUNK = 1 << 20


class FileCheck(Struct):
    """The length of a file in bytes, and its XXH3-128 in hexadecimal."""

    size: int
    xxh3: str


class TrendHead(Struct, rename="camel"):
    """What a trend is besides its counts; `row` is its row in trends.npy."""

    row: int
    at: float
    half_life: float


class Manifest(Struct, rename="camel"):
    """What an artefact is.

    `cursor` is the number of the last stored event that it knows, `erasures` how many people had been erased by then,
    `until` the time of the newest interaction (Unix seconds).
    """

    version: str
    made: float
    seed: int
    interactions: int
    viewers: int
    titles: int
    cursor: int
    erasures: int
    until: float
    weights: dict[str, float]
    ials: dict[str, float]
    trends: dict[str, TrendHead]
    metrics: dict[str, Any]
    parameters: dict[str, Any]
    seconds: float
    files: dict[str, FileCheck]
    format: int = FORMAT


@dataclass(frozen=True)
class Artefact:
    """A loaded artefact."""

    manifest: Manifest
    model: FittedModel
    trends: Mapping[str, Trend]


_manifest = msgspec.json.Decoder(Manifest)


def model_arrays(model: FittedModel, trends: Mapping[str, Trend]) -> dict[str, NDArray[Any]]:
    """The arrays of an artefact by file name."""
    arrays: dict[str, NDArray[Any]] = {"viewers": model.viewers, "factors": model.factors}
    for name, weights in (("ease", model.ease), ("successors", model.successors)):
        arrays[f"{name}-titles"] = weights.titles
        if isinstance(weights, DenseWeights):
            arrays[f"{name}-matrix"] = weights.matrix
        elif isinstance(weights, TopWeights):
            arrays[f"{name}-targets"], arrays[f"{name}-weights"] = weights.targets, weights.weights
    if model.content is not None:
        arrays["content-rarity"], arrays["content-projection"] = model.content.rarity, model.content.projection
    arrays["trends"] = np.array([trend.counts for trend in trends.values()], np.float32).reshape(len(trends), -1)
    return arrays


def write_artefact(folder: Path, manifest: Manifest, model: FittedModel, trends: Mapping[str, Trend]) -> None:
    """Write an artefact into a folder that does not exist; durable on return. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True)
    manifest.files.clear()
    for name, array in model_arrays(model, trends).items():
        path = folder / f"{name}.npy"
        with path.open("xb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    replace_file(folder / ITEMS, msgspec.json.encode(list(model.items)))
    for path in sorted(folder.iterdir()):
        manifest.files[path.name] = FileCheck(path.stat().st_size, _checksum(path))
    replace_file(folder / MANIFEST, msgspec.json.encode(manifest))
    sync_path(folder.parent)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artefact. Raises StorageFailed where there is none that this release reads."""
    try:
        manifest = _manifest.decode((folder / MANIFEST).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise StorageFailed(f"the model {folder} has no readable manifest: {error}") from error
    if manifest.format != FORMAT:
        raise StorageFailed(f"the model {folder} has format {manifest.format}, this release reads {FORMAT}")
    return manifest


def load_artefact(folder: Path) -> Artefact:
    """Check every file of an artefact and map it into memory. Raises StorageFailed naming what is wrong."""
    manifest = read_manifest(folder)
    try:
        for name, check in manifest.files.items():
            path = folder / name
            if Path(name).name != name or path.stat().st_size != check.size or _checksum(path) != check.xxh3:
                raise StorageFailed(f"the model {folder} is damaged: {name} does not match its checksum")
        items = msgspec.json.decode((folder / ITEMS).read_bytes(), type=list[str])
        arrays = {
            path.stem: np.load(path, mmap_mode="r", allow_pickle=False)
            for path in (folder / name for name in manifest.files)
            if path.suffix == ".npy"
        }
        return Artefact(manifest, _build_model(manifest, items, arrays), _build_trends(manifest, arrays))
    except (OSError, ValueError, KeyError, msgspec.DecodeError) as error:
        raise StorageFailed(f"the model {folder} cannot be read: {error}") from error


def _build_model(manifest: Manifest, items: list[str], arrays: Mapping[str, NDArray[Any]]) -> FittedModel:
    content = None
    if "content-rarity" in arrays:
        content = ContentModel(arrays["content-rarity"], arrays["content-projection"])
    ials = manifest.ials
    return FittedModel(
        items,
        arrays["viewers"],
        _build_weights("ease", arrays),
        _build_weights("successors", arrays),
        arrays["factors"],
        IalsParameters(int(ials["size"]), ials["unobserved"], ials["ridge"], int(ials["iterations"])),
        manifest.weights,
        content,
    )


def _build_weights(name: str, arrays: Mapping[str, NDArray[Any]]) -> TitleWeights:
    titles = np.asarray(arrays[f"{name}-titles"])
    if f"{name}-matrix" in arrays:
        return DenseWeights(titles, arrays[f"{name}-matrix"])
    return TopWeights(titles, arrays[f"{name}-targets"], arrays[f"{name}-weights"])


def _build_trends(manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Trend]:
    return {
        country: Trend(np.asarray(arrays["trends"][head.row], dtype=np.float64), head.at, head.half_life)
        for country, head in manifest.trends.items()
    }


def _checksum(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
