"""`matinee edge reload`: have a running node read its files again; says which part failed."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from kernel.errors import BadSettings
from kernel.settings.table import ADDRESS, PATH, Address, setting
from system.private_files import read_secret

SECONDS = 30.0
MAX_KEY_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadSettings:
    """`matinee edge reload`."""

    admin: Address = setting(ADDRESS, "127.0.0.1:9081", "The node's admin port.")
    admin_keys: Path | None = setting(
        PATH, None, "File with a key of the admin port, mode 0600: the first one in it is used."
    )


SETTINGS = ReloadSettings


def run(settings: ReloadSettings) -> int:
    """Reload; 0 if every part is in force, 1 if one failed or the node cannot be asked."""
    request = Request(f"http://{settings.admin}/reload", b"{}", {"Content-Type": "application/json"})
    if settings.admin_keys is not None:
        request.add_header("Authorization", f"Bearer {_first_key(settings.admin_keys)}")
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 (http)
            return report(json.load(answer))
    except HTTPError as error:
        return report(json.load(error))
    except (URLError, OSError, ValueError) as error:
        print(f"matinee edge reload: {settings.admin} cannot be asked: {error}", file=sys.stderr)
        return 1


def _first_key(path: Path) -> str:
    try:
        text = read_secret(path, "admin_keys", MAX_KEY_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise BadSettings("admin_keys", f"{path} cannot be read: {error.strerror}") from None
    keys = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not keys:
        raise BadSettings("admin_keys", f"{path} has no key")
    return keys[0]


def report(answer: dict[str, Any]) -> int:
    """Print what a node answered; the exit code."""
    failed = answer.get("failed")
    if failed is None:
        print(f"matinee edge reload: {answer.get('detail') or answer}", file=sys.stderr)
        return 1
    for part in answer["reloaded"]:
        print(f"{part}: in force")
    for part, why in failed.items():
        print(f"{part}: failed: {why}", file=sys.stderr)
    return 1 if failed else 0
