"""The log of the process (not of requests): JSON lines on stderr, each kind of line at a bounded rate.

Whatever a library or the event loop has to say goes the same way: as one structured line, counted, without end neither
in number nor in length. What the network brings about (a broken handshake, a connection lost in mid-write, a lack of
descriptors) is no bug and gets no traceback.
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
"""What the process or the machine is short of: descriptors, buffers, memory."""

logger = structlog.get_logger("edge")


class _Stderr:
    """Writes lines; a log that nobody reads any more must not break what it tells of."""

    def msg(self, message: str) -> None:
        try:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            pass

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


class _Forwarded(logging.Handler):
    """What libraries log, as lines of ours; the template is the event, so that its kind has one budget."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()[:2000]
        except Exception:  # noqa: BLE001 (a library's wrong template)
            text = str(record.msg)[:2000]
        told = {"logger": record.name, "message": text, "exc_info": record.exc_info}
        logger.log(record.levelno, str(record.msg)[:200], **{key: value for key, value in told.items() if value})


def configure_log(mono: Callable[[], float]) -> LogRate:
    """Set up structlog and the standard library's logging; the rate that lines are held to."""
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
    """In one word: whose fault it is that the event loop met. Only a `bug` is ours."""
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        return "descriptors"
    if isinstance(error, ssl.SSLError) or (isinstance(error, ConnectionAbortedError) and "handshake" in str(error)):
        return "handshake"
    return "connection" if isinstance(error, (OSError, EOFError)) else "bug"


def loop_exception_handler(
    counted: Callable[[str], object],
) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """For `loop.set_exception_handler`: counts each by kind, says what it is; only ours gets a trace."""

    def handle(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        kind = kind_of_error(error) if error is not None else "bug"
        counted(kind)
        message = str(context.get("message", ""))[:200]
        if kind == "bug":
            logger.error("bug: the event loop met an error", what=message, exc_info=error)
        elif kind != "connection":  # viewers go in the middle of things all day
            logger.warning("event loop", what=message, kind=kind, error=str(error)[:200])

    return handle
