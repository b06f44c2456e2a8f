"""The errors that cross a border: whose fault it is, and whether to try again.

A refusal of a viewer's request is a value (see `kernel.vocabulary`), not one of these.
"""

from __future__ import annotations

from kernel.fetch_reasons import UPSTREAM_STATUS, UpstreamReason
from kernel.vocabulary import OVERLOAD_RETRY_SECONDS, OVERLOAD_SENTENCES, OverloadReason


class MatineeError(Exception):
    """Base of the six; `str()` of it is fit to be shown to the one at fault."""


class BadRequest(MatineeError):
    """The viewer's fault: answered with a 4xx.

    `status` is the HTTP status, `reason` the one word that goes into body, log and metric.
    """

    def __init__(self, status: int, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.status = status
        self.reason = reason
        self.detail = detail


class UpstreamFailed(MatineeError):
    """The upstream's fault: 502, 504 when it was a time-out, or the upstream's own 5xx.

    `status` is the HTTP status of the reason. `retry` says whether another attempt is safe: no part of a response was
    received yet.
    """

    def __init__(self, reason: UpstreamReason, *, retry: bool = False, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.status = UPSTREAM_STATUS[reason]
        self.retry = retry
        self.detail = detail


class StorageFailed(MatineeError):
    """Our storage's fault (disk full, I/O error): serve without storing, count it."""


class Overloaded(MatineeError):
    """A limit of ours is reached for now: answered with 503 and Retry-After of `retry_after` seconds.

    `str()` is `detail`, else the sentence of the reason.
    """

    def __init__(self, reason: OverloadReason, detail: str = "") -> None:
        super().__init__(detail or OVERLOAD_SENTENCES[reason])
        self.reason = reason
        self.retry_after = OVERLOAD_RETRY_SECONDS[reason]


class BadSettings(MatineeError):
    """The operator's fault, found at start: names the setting and where it was set."""

    def __init__(self, setting: str, why: str, source: str = "") -> None:
        where = f" ({source})" if source else ""
        super().__init__(f"setting `{setting}`{where}: {why}")
        self.setting = setting
        self.why = why
        self.source = source


class Bug(MatineeError):
    """Our own mistake: 500, logged with its trace."""
