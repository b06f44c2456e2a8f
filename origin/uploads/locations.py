"""Where a film may be fetched from: allowed folders, https hosts and S3 buckets. Pure.

A location is checked twice: here, by its text, when somebody asks; and when it is read, since by then a link or a
name may lead elsewhere (`allowed_file`, `is_allowed_address`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, urlsplit

from kernel.errors import BadRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
HTTPS_PORT = 443

_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))
"""NAT64 and 6to4: IPv6 addresses that lead to an IPv4 address inside them."""


@dataclass(frozen=True, slots=True)
class LocationRules:
    """What `fileLocation` may name. `hosts`: `name[:port]`, or `*.name` for what is below one; `buckets`:
    `bucket[/prefix]`.

    `networks`: addresses that are not public and may be used all the same.
    """

    folders: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()


def check_location(text: str, rules: LocationRules) -> str:
    """The location in normal form. Raises BadRequest: 400 for what is none, 403 for what is not allowed."""
    if "\0" in text or any(ord(letter) < 32 for letter in text):
        raise BadRequest(400, "file-location", "`fileLocation` holds control characters")
    if "://" not in text:
        return _check_path(text, rules)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise BadRequest(400, "file-location", f"`fileLocation` is no URL: {error}") from None
    match parts.scheme.lower():
        case "https":
            return check_url(parts, rules)
        case "s3":
            return _check_bucket(parts, rules)
        case "file" if parts.netloc in ("", "localhost"):
            return _check_path(parts.path, rules)
        case _:
            known = "a path, https:// or s3://"
            raise BadRequest(400, "file-location", f"`fileLocation` must be {known}, not {parts.scheme[:20]}://")


def _check_path(text: str, rules: LocationRules) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts:
        raise BadRequest(400, "file-location", "`fileLocation` must be an absolute path without `..`")
    if not any(Path(path).is_relative_to(folder) for folder in rules.folders):
        raise _not_allowed("the path is in none of the folders of `ingest_folders`")
    return str(path)


def check_url(parts: SplitResult, rules: LocationRules) -> str:
    """An https URL whose host is allowed. Raises BadRequest."""
    if parts.scheme.lower() != "https":
        raise _not_allowed(f"{parts.scheme[:20]}:// is not allowed, only https://")
    if parts.username is not None or parts.password is not None:
        raise BadRequest(400, "file-location", "`fileLocation` must not hold a user's name or password")
    host = (parts.hostname or "").rstrip(".").lower()
    if not host or not is_allowed_host(host, parts.port or HTTPS_PORT, rules.hosts):
        raise _not_allowed("the host is not in `ingest_hosts`")
    return parts._replace(scheme="https", fragment="").geturl()


def is_allowed_host(host: str, port: int, allowed: Sequence[str]) -> bool:
    """Whether a host in lower case is on the list; `*.example.com` stands for every name below example.com."""
    for entry in allowed:
        name, _, digits = entry.lower().partition(":")
        name = name.rstrip(".")
        if port != int(digits or HTTPS_PORT):
            continue
        if host == name or (name.startswith("*.") and host.endswith(name[1:]) and len(host) > len(name) - 1):
            return True
    return False


def _check_bucket(parts: SplitResult, rules: LocationRules) -> str:
    key = parts.path.removeprefix("/")
    if not parts.netloc or not key or "@" in parts.netloc or parts.query or parts.fragment:
        raise BadRequest(400, "file-location", "`fileLocation` must be s3://bucket/key")
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise BadRequest(400, "file-location", "`fileLocation`: the key has an empty part, or `.` or `..`")
    for allowed in rules.buckets:
        bucket, _, prefix = allowed.partition("/")
        if parts.netloc == bucket and f"{key}/".startswith(f"{prefix.rstrip('/')}/" if prefix else ""):
            return f"s3://{bucket}/{key}"
    raise _not_allowed("the bucket is not in `ingest_buckets`")


def allowed_file(location: str, rules: LocationRules) -> Path:
    """The real path of a location, wherever links lead. Raises BadRequest (403, 404)."""
    try:
        real = Path(location).resolve(strict=True)
    except OSError as error:
        raise BadRequest(404, "no-such-file", f"{location}: {error.strerror}") from None
    if not any(real.is_relative_to(folder.resolve()) for folder in rules.folders):
        raise _not_allowed("the path leads out of the folders of `ingest_folders`")
    return real


def is_allowed_address(address: Address, networks: Sequence[Network]) -> bool:
    """Whether to connect to an address: a public one, or one of `networks`."""
    inner = _inner(address)
    if any(one.version == network.version and one in network for one in (address, inner) for network in networks):
        return True
    return all(one.is_global and not one.is_multicast for one in (address, inner))


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED[0]:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour if address in _TRANSLATED[1] and address.sixtofour else address


def _not_allowed(detail: str) -> BadRequest:
    return BadRequest(403, "location-not-allowed", f"`fileLocation`: {detail}")
