"""The exceptions that cross layers: who is at fault, and whether a retry can help.

A refusal of a viewer's request is a value of `kernel.vocabulary`, not an exception.
"""

from __future__ import annotations

from kernel.fetch_reasons import UPSTREAM_STATUS, UpstreamReason
from kernel.vocabulary import OVERLOAD_RETRY_SECONDS, OVERLOAD_SENTENCES, OverloadReason


class MatineeError(Exception):
    """Base class; `str()` may be shown to the person at fault."""


class BadRequest(MatineeError):
    """The client's request or input is wrong: answered with a 4xx.

    `status` is the HTTP status; `reason` is the word in the response, the log and the metric.
    """

    def __init__(self, status: int, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.status = status
        self.reason = reason
        self.detail = detail


class UpstreamFailed(MatineeError):
    """The upstream failed: answered with 502, 504 after a timeout, or the upstream's own 5xx.

    `status` is the HTTP status of the reason. `retry`: another attempt is safe, since no part of a response arrived.
    """

    def __init__(self, reason: UpstreamReason, *, retry: bool = False, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.status = UPSTREAM_STATUS[reason]
        self.retry = retry
        self.detail = detail


class StorageFailed(MatineeError):
    """Storage failed (disk full, I/O error): serve without storing, and count it."""


class Overloaded(MatineeError):
    """A limit of ours is reached for now: answered with 503 and Retry-After of `retry_after` seconds.

    `str()` is `detail`, else the sentence of the reason.
    """

    def __init__(self, reason: OverloadReason, detail: str = "") -> None:
        super().__init__(detail or OVERLOAD_SENTENCES[reason])
        self.reason = reason
        self.retry_after = OVERLOAD_RETRY_SECONDS[reason]


class BadSettings(MatineeError):
    """A setting is wrong: names the setting and where it was set."""

    def __init__(self, setting: str, why: str, source: str = "") -> None:
        where = f" ({source})" if source else ""
        super().__init__(f"setting `{setting}`{where}: {why}")
        self.setting = setting
        self.why = why
        self.source = source


class Bug(MatineeError):
    """A bug of ours: answered with 500 and logged with its traceback."""
