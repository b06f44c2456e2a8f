"""The kinds of settings: how the text of one becomes its value, with a reason in words when it cannot."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_SIZE_UNITS = {
    "": 1, "b": 1,
    "k": 1 << 10, "kib": 1 << 10, "kb": 10**3,
    "m": 1 << 20, "mib": 1 << 20, "mb": 10**6,
    "g": 1 << 30, "gib": 1 << 30, "gb": 10**9,
    "t": 1 << 40, "tib": 1 << 40, "tb": 10**12,
}  # fmt: skip
_DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)


class Address(NamedTuple):
    """Where a server listens: host (name or IP, no brackets) and port (0 = any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Kind:
    """How the text of a setting becomes its value; `parse` raises ValueError with the reason."""

    name: str
    parse: Callable[[str], Any]


def _text(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    if "\0" in text:
        raise ValueError("must not hold a NUL")
    return text


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?\d+", text, re.ASCII):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _auto_or_integer(text: str) -> int | None:
    if text == "auto":
        return None
    value = _integer(text)
    if value < 0:
        raise ValueError(f"{text!r} is below 0")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    return _bounded(value, text)


def _bounded(value: float, text: str) -> float:
    if not -1e18 < value < 1e18:  # NaN compares false
        raise ValueError(f"{text[:40]!r} is out of range")
    return value


def parse_size(text: str) -> int:
    """Bytes of `512MiB`, `4GiB`, `1000`, `1.5g`; ValueError otherwise."""
    match = _QUANTITY.fullmatch(text.strip())
    unit = match and _SIZE_UNITS.get(match[2].lower())
    if not match or not unit:
        raise ValueError(f"{text!r} is not a size such as 512MiB or 4GiB")
    return int(_bounded(float(match[1]) * unit, text))


def parse_duration(text: str) -> float:
    """Seconds of `30s`, `250ms`, `5m`, `2h`, `1d` or a bare number; ValueError otherwise."""
    match = _QUANTITY.fullmatch(text.strip())
    unit = match and _DURATION_UNITS.get(match[2].lower())
    if not match or not unit:
        raise ValueError(f"{text!r} is not a duration such as 30s, 250ms or 5m")
    return _bounded(float(match[1]) * unit, text)


def parse_address(text: str) -> Address:
    """`HOST:PORT`, `[v6]:PORT`; ValueError otherwise."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    if not host:
        raise ValueError(f"{text!r} has no host")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_ipv6(host):
            raise ValueError(f"{text!r}: only an IPv6 address stands in brackets")
    elif _is_ipv6(host):
        raise ValueError(f"{text!r}: write an IPv6 address as [address]:port")
    elif not _HOST.fullmatch(host):
        raise ValueError(f"{text!r} is not HOST:PORT")
    return Address(host, int(port))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _url(text: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]+", text):  # urlsplit takes some of them out silently
        raise ValueError(f"{text!r} is not a URL: blanks, control characters or letters beyond ASCII")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not http://HOST:PORT or https://HOST:PORT")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(f"{text!r} has no valid port") from None
    if parts.username or parts.password:
        raise ValueError("a URL with credentials is not accepted")
    return text.rstrip("/")


def _cidr(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address or CIDR network: {error}") from None


def _country(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", text, re.ASCII):
        raise ValueError(f"{text!r} is not a two-letter country code (ISO 3166)")
    return text.upper()


ON_OFF_WORDS = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
"""The accepted spellings of a switch, in any letter case."""


def _on_off(text: str) -> bool:
    value = ON_OFF_WORDS.get(text.lower())
    if value is None:
        raise ValueError(f"{text!r} is neither on nor off")
    return value


def _path_or_off(text: str) -> Path | None:
    return None if _text(text) == "off" else Path(text)


TEXT = Kind("text", _text)
INTEGER = Kind("integer", _integer)
NUMBER = Kind("number", _number)
SIZE = Kind("size", parse_size)
DURATION = Kind("duration", parse_duration)
ADDRESS = Kind("address", parse_address)
URL = Kind("url", _url)
CIDR = Kind("network", _cidr)
COUNTRY = Kind("country", _country)
PATH = Kind("path", lambda text: Path(_text(text)))
PATH_OR_OFF = Kind("path|off", _path_or_off)
AUTO_OR_INTEGER = Kind("auto|integer", _auto_or_integer)
"""A whole number from 0 on, or None where the program finds it by itself."""
SWITCH = Kind("on|off", _on_off)
"""A switch: `--name` alone means on."""


def choice(*names: str) -> Kind:
    """One of the given words."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} is not one of {', '.join(names)}")
        return text

    return Kind("|".join(names), parse)
