"""The log of the process (not of requests): JSON lines on stderr, each kind of line at a bounded rate.

What libraries and the event loop log becomes one structured line too, counted and bounded in number and length. Network
trouble (a failed handshake, a connection lost during a write, a lack of descriptors) is not a bug and gets no
traceback.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
import sys
from collections.abc import Callable
from typing import Any

import structlog

from kernel.log_rate import LogRate, bound_traceback, rate_limit

EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""Errors of a shortage: of descriptors, buffers or memory."""

logger = structlog.get_logger("edge")


class _Stderr:
    """Writes lines; a closed stderr must not break what logs."""

    def msg(self, message: str) -> None:
        try:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            pass

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


class _Forwarded(logging.Handler):
    """What libraries log, as our lines; the template is the event, so that each kind has one budget."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()[:2000]
        except Exception:  # noqa: BLE001 (a library's wrong template)
            text = str(record.msg)[:2000]
        fields = {"logger": record.name, "message": text, "exc_info": record.exc_info}
        logger.log(record.levelno, str(record.msg)[:200], **{key: value for key, value in fields.items() if value})


def configure_log(mono: Callable[[], float]) -> LogRate:
    """Set up structlog and the standard library's logging; returns the rate limit of lines."""
    rate = LogRate()
    structlog.configure(
        processors=[
            rate_limit(rate, mono),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            bound_traceback,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: _Stderr(),
    )
    logging.basicConfig(handlers=[_Forwarded()], level=logging.WARNING, force=True)
    return rate


def kind_of_error(error: BaseException | None) -> str:
    """Whose fault an error in the event loop is, in one word. Only a `bug` is ours."""
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        return "descriptors"
    if isinstance(error, ssl.SSLError) or (isinstance(error, ConnectionAbortedError) and "handshake" in str(error)):
        return "handshake"
    return "connection" if isinstance(error, (OSError, EOFError)) else "bug"


def loop_exception_handler(
    count: Callable[[str], object],
) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """A handler for `loop.set_exception_handler` that counts errors by kind and logs them; only bugs get a
    traceback."""

    def handle(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        kind = kind_of_error(error) if error is not None else "bug"
        count(kind)
        message = str(context.get("message", ""))[:200]
        if kind == "bug":
            logger.error("bug-in-event-loop", what=message, exc_info=error)
        elif kind != "connection":  # viewers disconnect at any moment
            logger.warning("event-loop-error", what=message, kind=kind, error=str(error)[:200])

    return handle
