"""The origin behind both servers: random bytes by URL, the same on every run; counts what it is asked.

`python -m tools.bench.origin PORT` serves `/cdn/<region>/<contentId>/<bytes>/<n>.m4s` and `/count`.
"""

from __future__ import annotations

import functools
import hashlib
import random
import sys

from aiohttp import web

LIMIT = 64 << 20


@functools.lru_cache(maxsize=256)
def body(path: str) -> bytes:
    """The bytes of an object: as many as its folder says, random, seeded by the path. ValueError for any other path."""
    length = int(path.split("/")[-2])
    if not 0 <= length <= LIMIT:
        raise ValueError(f"an object has at most {LIMIT} bytes")
    return random.Random(path).randbytes(length)  # noqa: S311 (bytes to carry, no secret)


class Origin:
    """Answers from memory what a packaged title's segments look like, and counts the answers."""

    def __init__(self) -> None:
        self.served = 0

    async def segment(self, request: web.Request) -> web.Response:
        """One object, cacheable for a year."""
        try:
            content = body(request.path)
        except (ValueError, IndexError):
            raise web.HTTPNotFound from None
        self.served += 1
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Type": "video/iso.segment",
            "ETag": f'"{hashlib.blake2b(content, digest_size=8).hexdigest()}"',
        }
        return web.Response(body=content, headers=headers)

    async def count(self, _request: web.Request) -> web.Response:
        """How many objects were asked for so far."""
        return web.json_response({"served": self.served})

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.router.add_get("/count", self.count)
        app.router.add_get("/cdn/{rest:.+}", self.segment)
        return app


if __name__ == "__main__":
    web.run_app(Origin().app(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
