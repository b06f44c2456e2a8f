"""Ends a process whose native threads may still let go of Python objects.

obstore's runtime (Rust) does so after a call has returned. Where that meets the teardown of the interpreter, CPython
before 3.14 ends the thread by pthread_exit, which Rust answers with SIGABRT: one in about sixty commands that had done
their work ended with 134.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

_WITH_THREADS = ("obstore",)
_CANNOT_FLUSH = 120
"""CPython's exit code where its output cannot be written at the end."""


def leave(code: int) -> NoReturn:
    """Exit with a code; without teardown where such a library is loaded. Call it last: no `atexit` runs then."""
    if not any(name in sys.modules for name in _WITH_THREADS):
        sys.exit(code)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        code = code or _CANNOT_FLUSH
    os._exit(code)
