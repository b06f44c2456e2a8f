"""Settings as a table: each has a kind, a default, a sentence; the docs are made from it.

A program's settings are a frozen dataclass whose fields are made by `setting(...)`. `resolve` builds it
from flags over `MATINEE_…` variables over a TOML file over defaults. Whatever is unknown or impossible raises
`BadSettings` naming the setting and where it was set. Reading files and the environment is the caller's.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from kernel.errors import BadSettings

_SIZE_UNITS = {
    "": 1, "b": 1,
    "k": 1 << 10, "kib": 1 << 10, "kb": 10**3,
    "m": 1 << 20, "mib": 1 << 20, "mb": 10**6,
    "g": 1 << 30, "gib": 1 << 30, "gb": 10**9,
    "t": 1 << 40, "tib": 1 << 40, "tb": 10**12,
}  # fmt: skip
_DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
T = TypeVar("T")

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
    return text


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?\d+", text, re.ASCII):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not -1e18 < value < 1e18:
        raise ValueError(f"{text!r} is out of range")
    return value


def parse_size(text: str) -> int:
    """Bytes of `512MiB`, `4GiB`, `1000`, `1.5g`; ValueError otherwise."""
    match = _QUANTITY.fullmatch(text.strip())
    unit = match and _SIZE_UNITS.get(match[2].lower())
    if not match or not unit:
        raise ValueError(f"{text!r} is not a size such as 512MiB or 4GiB")
    return int(float(match[1]) * unit)


def parse_duration(text: str) -> float:
    """Seconds of `30s`, `250ms`, `5m`, `2h`, `1d` or a bare number; ValueError otherwise."""
    match = _QUANTITY.fullmatch(text.strip())
    unit = match and _DURATION_UNITS.get(match[2].lower())
    if not match or not unit:
        raise ValueError(f"{text!r} is not a duration such as 30s, 250ms or 5m")
    return float(match[1]) * unit


def parse_address(text: str) -> Address:
    """`HOST:PORT`, `[v6]:PORT`; ValueError otherwise."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: write an IPv6 address as [address]:port")
    if not host:
        raise ValueError(f"{text!r} has no host")
    return Address(host, int(port))


def _url(text: str) -> str:
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


def _on_off(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("on", "true", "yes", "1"):
        return True
    if lowered in ("off", "false", "no", "0"):
        return False
    raise ValueError(f"{text!r} is neither on nor off")


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
SWITCH = Kind("on|off", _on_off)
"""A switch: `--name` alone means on."""


def choice(*names: str) -> Kind:
    """One of the given words."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} is not one of {', '.join(names)}")
        return text

    return Kind("|".join(names), parse)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of a program's table. `default` is text as a user would write it; None = not set."""

    name: str
    kind: Kind
    default: str | None
    sentence: str
    required: bool
    many: bool
    secret: bool
    least: float | None
    most: float | None

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "MATINEE_" + self.name.upper()

    def parse(self, texts: Sequence[str], source: str) -> Any:
        """The value of one or several texts; BadSettings when impossible."""
        if self.many:
            parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
            return tuple(self._one(part, source) for part in parts)
        return self._one(texts[-1], source)

    def _one(self, text: str, source: str) -> Any:
        try:
            value = self.kind.parse(text)
            if self.least is not None and value < self.least:
                raise ValueError(f"{text!r} is below the least, {self.least:g}")
            if self.most is not None and value > self.most:
                raise ValueError(f"{text!r} is above the most, {self.most:g}")
        except ValueError as error:
            raise BadSettings(self.name, "not acceptable" if self.secret else str(error), source) from None
        return value


def setting(
    kind: Kind,
    default: str | None,
    sentence: str,
    *,
    required: bool = False,
    many: bool = False,
    secret: bool = False,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """A field of a settings dataclass; see `Setting` for the arguments."""
    row = {"kind": kind, "default": default, "sentence": sentence, "required": required}
    limits = {"many": many, "secret": secret, "least": least, "most": most}
    return dataclasses.field(metadata={"setting": row | limits})


def table(settings_class: type) -> tuple[Setting, ...]:
    """The rows of a settings dataclass, in order."""
    return tuple(
        Setting(name=field.name, **field.metadata["setting"])
        for field in dataclasses.fields(settings_class)
        if "setting" in field.metadata
    )


def resolve(
    settings_class: type[T],
    *,
    flags: Mapping[str, Sequence[str]] | None = None,
    env: Mapping[str, str] | None = None,
    file: Mapping[str, object] | None = None,
    file_name: str = "",
) -> T:
    """Build `settings_class`: flags over variables over the file over defaults.

    `flags` maps field names to the texts given; `file` is the parsed TOML. Raises BadSettings.
    """
    rows = {row.name: row for row in table(settings_class)}
    from_file = _from_file(rows, file or {}, file_name)
    values: dict[str, Any] = {}
    for name, row in rows.items():
        if flags and name in flags:
            values[name] = row.parse(flags[name], f"flag {row.flag}")
        elif env and row.variable in env:
            values[name] = row.parse([env[row.variable]], f"variable {row.variable}")
        elif name in from_file:
            values[name] = row.parse(from_file[name], f"file {file_name}")
        elif row.default is not None:
            values[name] = row.parse([row.default], "default")
        elif row.required:
            raise BadSettings(name, f"must be set, for example with {row.flag}")
        else:
            values[name] = () if row.many else None
    return settings_class(**values)


def unknown_variables(env: Mapping[str, str], known: Iterable[Setting]) -> list[str]:
    """The `MATINEE_…` variables that no setting of `known` reads."""
    names = {row.variable for row in known}
    return sorted(name for name in env if name.startswith("MATINEE_") and name not in names)


def _from_file(rows: Mapping[str, Setting], file: Mapping[str, object], name: str) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for key, value in file.items():
        field = key.replace("-", "_")
        if field not in rows:
            raise BadSettings(key, "there is no such setting", f"file {name}")
        items = value if isinstance(value, list) else [value]
        for item in items:
            if not isinstance(item, (str, int, float, bool)):
                raise BadSettings(key, "must be a text, a number, true or false, or a list of them", f"file {name}")
        if len(items) != 1 and not rows[field].many:
            raise BadSettings(key, "takes one value, not a list", f"file {name}")
        texts[field] = [("on" if item else "off") if isinstance(item, bool) else str(item) for item in items]
    return texts
