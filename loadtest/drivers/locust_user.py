"""A Locust user that watches films: `loadtest/locustfile.py` is what `locust -f` is given.

Each user plays one session after another, drawn from the same populations as the stories'. Locust's table shows the
requests by kind, and two rows of what viewers see: `start-up` and `stalled`, in milliseconds for each session. A third,
`late`, is about the generator: by how much each segment was requested too late, or too early. `ended: …` counts how
sessions ended, by the seconds that were watched.
"""

from __future__ import annotations

import gevent
from locust import User, constant, task

from loadtest.drivers.gevent_session import GeventSession
from loadtest.drivers.locust_options import Audience
from loadtest.drivers.locust_report import LocustReport
from loadtest.player.requests import Answer, Fetch
from loadtest.session import EndReason, SessionRecord

_FAILED = (EndReason.START_FAILED, EndReason.PLAYBACK_FAILED, EndReason.REFUSED)


class SessionFailed(Exception):
    """Locust's failure column shows its text for a session that did not go well."""


class PlayerUser(User):
    """Watches one film after another."""

    abstract = True
    wait_time = constant(0)
    audience: Audience
    """Set when the test starts."""
    report: LocustReport | None = None

    def on_start(self) -> None:
        """Locust spawns users by the second; viewers do not arrive on the stroke of it, all asking at once."""
        gevent.sleep(self.audience.random.random())

    @task
    def watch(self) -> None:
        """One session."""
        options = self.audience.options
        session = GeventSession(
            self.audience.player(),
            speed=options.speed,
            fields=tuple(options.fields.items()),
            tls=self.audience.tls,
            on_answer=self._count_request,
            checks=self.audience.checks,
        )
        try:
            session.play()
        finally:
            # When the test ends, Locust kills its users: sessions that still played belong in the report too.
            self._count_session(session.player.record)
        self.audience.played += 1
        if options.sessions is not None and self.audience.played == options.sessions:
            # Not from here: it would end this greenlet before it has ended the others.
            gevent.spawn(self.environment.runner.quit)

    def _count_request(self, fetch: Fetch, answer: Answer) -> None:
        failure = None if answer.is_ok else SessionFailed(str(answer.outcome))
        self.environment.events.request.fire(
            request_type="GET" if fetch.body is None else "POST",
            name=fetch.kind.value,
            response_time=answer.total_s * 1000,
            response_length=answer.size,
            exception=failure,
            context={"tier": answer.tier.value, "node": answer.node},
        )
        if fetch.segment is not None and fetch.sent_s is not None:
            late_ms = abs(fetch.sent_s - fetch.due_s) / self.audience.options.speed * 1000
            self._report("late", late_ms, None, {})

    def _count_session(self, record: SessionRecord) -> None:
        if self.report is not None:
            self.report.count(record)
        failed = record.end in _FAILED
        failure = SessionFailed(f"{record.end.value} {record.end_detail}"[:200]) if failed else None
        self._report(f"ended: {record.end.value}", record.played_s * 1000, failure, {})
        if record.startup_s is not None:
            self._report("start-up", record.startup_s * 1000, None, {})
        seen = {"rebuffer_ratio": record.rebuffer_ratio, "bitrate": record.bitrate_mean_bps}
        self._report("stalled", record.stalled_s * 1000, None, seen)

    def _report(self, name: str, milliseconds: float, failure: Exception | None, context: dict[str, float]) -> None:
        self.environment.events.request.fire(
            request_type="QoE",
            name=name,
            response_time=milliseconds,
            response_length=0,
            exception=failure,
            context=context,
        )
