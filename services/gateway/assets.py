"""The page's files: each at an address that changes with its content, compressed when it is first asked for.

The page's own modules import one another by relative names, so they share one digest in their address; libraries have
their own, so that a change of the page does not make browsers fetch the libraries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import brotli

ROOT = Path(__file__).resolve().parents[2]
WEB_FOLDER = ROOT / "web" / "app"
NODE_MODULES = ROOT / "node_modules"
LIBRARIES: Mapping[str, Path] = {
    "hls.min.js": NODE_MODULES / "hls.js" / "dist" / "hls.min.js",
    "shaka-player.compiled-es2021.js": NODE_MODULES / "shaka-player" / "dist" / "shaka-player.compiled-es2021.js",
    "media-chrome.js": NODE_MODULES / "media-chrome" / "dist" / "iife" / "all.js",
}
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    # Quality 9 takes 0.05 s for hls.js; the highest would save another 8 % for 0.9 s.
    "br": lambda body: bytes(brotli.compress(body, quality=9)),
    "gzip": lambda body: gzip.compress(body, 9, mtime=0),
}
"""Best first."""
MIN_COMPRESSED_BYTES = 512
FOREVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=3600, must-revalidate"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page. `digest` is the part of its address that changes with its content; `tag` is its own."""

    name: str
    body: bytes
    digest: str
    tag: str

    @property
    def content_type(self) -> str:
        """Its media type."""
        return CONTENT_TYPES[Path(self.name).suffix]

    @property
    def url(self) -> str:
        """Its address, which may be cached for ever."""
        return f"/assets/{self.digest}/{self.name}"


def choose_encoding(accepted: str) -> str | None:
    """The best of our encodings that an Accept-Encoding field allows; None = send it as it is (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(",")[:20]:
        name, _, parameters = part.partition(";")
        weight = 1.0
        for parameter in parameters.split(";"):
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                with contextlib.suppress(ValueError):
                    weight = float(value)
        weights[name.strip()] = weight
    allowed = [one for one in COMPRESSORS if weights.get(one, weights.get("*", 0.0)) > 0]
    return max(allowed, key=lambda one: weights.get(one, weights.get("*", 0.0)), default=None)


class AssetLibrary:
    """The page's files in memory, and the compressed forms that browsers have asked for."""

    def __init__(self, folder: Path = WEB_FOLDER, libraries: Mapping[str, Path] = LIBRARIES) -> None:
        self._index = (folder / "index.html").read_text(encoding="utf-8")
        own = {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.suffix in CONTENT_TYPES}
        together = _digest(b"\0".join(name.encode() + b"\0" + body for name, body in own.items()))
        assets = [Asset(name, body, together, _digest(body)) for name, body in own.items()]
        for name, path in libraries.items():
            if path.is_file():
                body = path.read_bytes()
                assets.append(Asset(name, body, _digest(body), _digest(body)))
        self._assets = {asset.name: asset for asset in assets}
        self._compressed: dict[tuple[str, str], bytes] = {}
        self._compressing = asyncio.Lock()

    def find(self, name: str, digest: str | None = None) -> Asset | None:
        """The file of this name; None also where its content no longer has this digest."""
        asset = self._assets.get(name)
        return asset if asset is not None and digest in (None, asset.digest) else None

    def page(self) -> bytes:
        """index.html, with the addresses of the files that may be cached for ever."""
        html = self._index
        for asset in self._assets.values():
            html = html.replace(f'"/assets/{asset.name}"', f'"{asset.url}"')
        return html.encode()

    async def encode(self, asset: Asset, accepted: str) -> tuple[str | None, bytes]:
        """The best form for an Accept-Encoding field, as (encoding, body); it is made once, in a thread."""
        encoding = choose_encoding(accepted) if len(asset.body) >= MIN_COMPRESSED_BYTES else None
        if encoding is None:
            return None, asset.body
        key = (asset.name, encoding)
        if key not in self._compressed:
            async with self._compressing:
                if key not in self._compressed:
                    self._compressed[key] = await asyncio.to_thread(COMPRESSORS[encoding], asset.body)
        return encoding, self._compressed[key]


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=12).hexdigest()
