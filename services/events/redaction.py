"""Removes viewers' tokens from what players report: the URLs in CMCD's `url` and `nor` carry them. Pure.

A token in a log is a stream for whoever reads the log. Removed are `/t/<token>/` of a path, also percent-encoded (CMCD
encodes `nor`), and every compact JWS wherever it stands (RFC 7515, section 7.1: three base64url parts, the first of
which starts with `eyJ`, the encoding of `{"`).
"""

from __future__ import annotations

import re

REMOVED = b"REDACTED"
# Each part is bounded by a character outside its own class, so that the pattern runs once over the text.
_PATH = re.compile(rb"(?P<start>/|%2[Ff])t(?P<end>/|%2[Ff])[A-Za-z0-9_.~-]+")
_JWS = re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")


def remove_tokens(body: bytes) -> bytes:
    """The body with each token replaced by REDACTED; the body itself when it holds none."""
    if b"eyJ" in body:
        body = _JWS.sub(REMOVED, body)
    if b"/t/" in body or b"%2Ft%2F" in body or b"%2ft%2f" in body:
        body = _PATH.sub(rb"\g<start>t\g<end>" + REMOVED, body)
    return body
