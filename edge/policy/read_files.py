"""The files that an edge without control is given: RULES.json and the JWKS."""

from __future__ import annotations

import json
from pathlib import Path

from edge.policy.rules import Rules
from kernel.auth.signing_keys import NO_KEYS, KeySet
from kernel.errors import BadSettings


def read_rules(file: Path | None) -> Rules:
    """The rules of a RULES.json; without a file everything is allowed. BadSettings naming what is wrong and where."""
    if file is None:
        return Rules()
    try:
        return Rules.from_bytes(file.read_bytes())
    except OSError as error:
        raise BadSettings("rules", f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings("rules", str(error), f"file {file}") from None


def read_keys(file: Path | None) -> KeySet:
    """The public keys of a JWKS file; without a file none verifies. BadSettings naming what is wrong and where."""
    if file is None:
        return NO_KEYS
    try:
        return KeySet.from_jwks(json.loads(file.read_bytes()))
    except OSError as error:
        raise BadSettings("keys", f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings("keys", str(error), f"file {file}") from None
