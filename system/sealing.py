"""Seals small values for storage: AES-256-GCM under a key from a file, the environment or a command, with rotation.

A sealed value names its key, so that older values stay readable after a rotation until they are sealed again. Each is
bound to a context, such as its table, column and row: a value that is moved to another row does not open there.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.errors import BadSettings, StorageFailed
from system.private_files import read_secret

KEY_BYTES = 32
NONCE_BYTES = 12
MAX_KEYS = 20
MAX_SOURCE_BYTES = 64 * 1024
COMMAND_SECONDS = 15.0
_PREFIX = "sealed1"
_LINE = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,31}):(?P<key>[A-Za-z0-9+/_=-]{43,48})", re.ASCII)


class SealingKeys:
    """Keys by name; the first one seals, all of them open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not 0 < len(keys) <= MAX_KEYS or any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError(f"1 to {MAX_KEYS} keys of {KEY_BYTES} bytes are needed")
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self.current = next(iter(keys))

    def seal(self, value: bytes, context: str) -> str:
        """Seal a value as text. `context` must be the same when it is opened."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._ciphers[self.current].encrypt(nonce, value, context.encode())
        return f"{_PREFIX}.{self.current}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, context: str) -> bytes:
        """Open a sealed value. Raises StorageFailed when its key is not here, or it was changed or moved."""
        prefix, _, rest = sealed.partition(".")
        name, _, body = rest.partition(".")
        cipher = self._ciphers.get(name)
        if prefix != _PREFIX or not body:
            raise StorageFailed("a sealed value is damaged: it has no key name")
        if cipher is None:
            raise StorageFailed(f"a stored value is sealed under the key {name!r}, which the key file does not hold")
        try:
            raw = base64.urlsafe_b64decode(body)
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode())
        except (InvalidTag, binascii.Error, ValueError):
            raise StorageFailed("a sealed value is damaged, or belongs to another row") from None

    def needs_resealing(self, sealed: str) -> bool:
        """Whether a value is sealed under an older key."""
        return not sealed.startswith(f"{_PREFIX}.{self.current}.")


def is_sealed(text: str) -> bool:
    """Whether a stored text is a sealed value."""
    return text.startswith(f"{_PREFIX}.")


def make_key_line(name: str) -> bytes:
    """A new key as a line of a key file."""
    return f"{name}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}\n".encode()


def read_sealing_keys(text: str, setting: str) -> SealingKeys:
    """Parse lines `name:base64`, the newest key first; lines that start with # are ignored. Raises BadSettings."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        try:
            key = base64.b64decode(found["key"].replace("-", "+").replace("_", "/")) if found else b""
        except binascii.Error:
            key = b""
        if found is None or len(key) != KEY_BYTES:
            # The line itself is a secret: say where it is, never what it holds.
            raise BadSettings(setting, f"line {number} is not `name:key` with a key of {KEY_BYTES} bytes in base64")
        if found["name"] in keys:
            raise BadSettings(setting, f"line {number} repeats the key name {found['name']!r}")
        keys[found["name"]] = key
    try:
        return SealingKeys(keys)
    except ValueError as error:
        raise BadSettings(setting, str(error)) from None


def load_sealing_keys(source: str, setting: str, environment: Mapping[str, str]) -> SealingKeys:
    """Read keys from `FILE`, `env:NAME` or `command:PROGRAM ARGUMENTS` (a KMS client that prints them).

    Raises BadSettings naming the setting.
    """
    scheme, separator, rest = source.partition(":")
    if separator and scheme == "env":
        if rest not in environment:
            raise BadSettings(setting, f"the environment variable {rest} is not set")
        return read_sealing_keys(environment[rest], setting)
    if separator and scheme == "command":
        return read_sealing_keys(_run(shlex.split(rest), setting), setting)
    return read_sealing_keys(_read(Path(source), setting), setting)


def _read(path: Path, setting: str) -> str:
    try:
        return read_secret(path, setting, MAX_SOURCE_BYTES).decode("ascii")
    except OSError as error:
        raise BadSettings(setting, f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSettings(setting, f"{path} is not a key file: it has characters that are not ASCII") from None


def _run(command: list[str], setting: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS, check=False, encoding="utf-8")
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        name = command[0] if command else "the command"
        raise BadSettings(setting, f"{name} did not print keys: {type(error).__name__}") from None
    if done.returncode:
        raise BadSettings(setting, f"{command[0]} exited with {done.returncode}: {done.stderr.strip()[:300]}")
    return done.stdout[:MAX_SOURCE_BYTES]
