"""The log of a process (not of requests): JSON lines on stderr. The edge has its own, with bounded rates."""

from __future__ import annotations

import logging
import sys

import structlog


def log_json_lines() -> None:
    """Log through structlog from level INFO on, as JSON lines with level, UTC time, bound fields and traceback."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
