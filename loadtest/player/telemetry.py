"""What a player reports: CMCD on its requests, CMCD events, heartbeats, and the counts of its record. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from loadtest.player.buffer import MediaBuffer, Playback
from loadtest.player.cmcd import (
    CmcdMode,
    Event,
    EventReports,
    ObjectType,
    Value,
    applied,
    response_received,
    top_and_lowest,
)
from loadtest.player.loading import AUDIO, TEXT, VIDEO, Loading
from loadtest.player.requests import Answer, Fetch
from loadtest.player.settings import PlayerSettings
from loadtest.session import RequestKey, RequestKind, SessionRecord

_RTP_FACTOR = 5
"""Requested maximum throughput over the rung's bitrate, as in hls.js."""
_MEDIA = (RequestKind.MANIFEST, RequestKind.INIT, RequestKind.SEGMENT)
_OPTIONAL = (RequestKind.HEARTBEAT, RequestKind.EVENTS, RequestKind.STEERING)
_NOT_OFFERED = (404, 405, 410, 501)


@dataclass(slots=True)
class Telemetry:
    """One session's reports. `wall_s` is the Unix time at which the session began."""

    record: SessionRecord
    settings: PlayerSettings
    buffer: MediaBuffer
    wall_s: float
    content_id: str = ""
    is_dash: bool = False
    is_open: bool = False
    """It is known whether the title is live."""
    reports: EventReports | None = None
    heartbeats_offered: bool = False
    """The session was started by the gateway, and it takes heartbeats."""
    _state: Playback | None = None
    _rung_bps: int | None = None
    _startup_told: bool = False
    _edge: str = ""
    _since_beat: dict[str, int] = field(default_factory=lambda: {"requests": 0, "errors": 0})
    _stalled_told_s: float = 0.0

    def open(self, content_id: str, *, dash: bool) -> None:
        """The title is known."""
        self.content_id, self.is_dash = content_id, dash

    def _report(self, event: Event, wall_s: float, keys: dict[str, Value]) -> None:
        if self.reports is not None:
            self.reports.report(event, wall_s, self._session_keys() | keys | {"sta": self.buffer.state.value})

    def _session_keys(self) -> dict[str, Value]:
        keys: dict[str, Value] = {"sid": self.record.session_id[:64], "sf": "d" if self.is_dash else "h"}
        if self.content_id:
            keys["cid"] = self.content_id[:128]
        if self.is_open:
            keys["st"] = "l" if self.buffer.duration is None else "v"
        return keys

    def decorate(self, fetch: Fetch, loading: Loading | None) -> None:
        """Put CMCD onto a request of media or a manifest."""
        mode = self.settings.cmcd
        if mode is CmcdMode.OFF or fetch.kind not in _MEDIA:
            return
        keys = self._session_keys() | self._object_keys(fetch, loading)
        if mode.version == 2:
            keys |= {"v": 2, "sta": self.buffer.state.value}
            if self.record.startup_s is not None and not self._startup_told:
                keys["msd"], self._startup_told = round(self.record.startup_s * 1000), True
        fetch.url, fetch.headers = applied(fetch.url, keys, mode)

    def _object_keys(self, fetch: Fetch, loading: Loading | None) -> dict[str, Value]:
        waiting = self.buffer.state in (Playback.STARTING, Playback.SEEKING, Playback.STALLED)
        if fetch.kind is not RequestKind.SEGMENT or fetch.segment is None or loading is None:
            of_kind = ObjectType.INIT if fetch.kind is RequestKind.INIT else ObjectType.MANIFEST
            return {"ot": of_kind.value, "su": waiting}
        rungs = loading.title.presentation.rungs
        ahead_ms = round(self.buffer.ahead(fetch.track) * 1000)
        muxed = AUDIO not in loading.loaders
        keys: dict[str, Value] = {"d": round(fetch.segment.duration * 1000), "bl": ahead_ms, "dl": ahead_ms}
        kind = ObjectType.CAPTION if fetch.track == TEXT else ObjectType.AUDIO
        keys |= {"su": waiting, "bs": self.buffer.was_starved, "ot": kind.value}
        self.buffer.was_starved = False
        if fetch.track == VIDEO:
            kbps = round(rungs[fetch.rung].bandwidth / 1000)
            keys["ot"] = (ObjectType.MUXED if muxed else ObjectType.VIDEO).value
            keys |= {"br": kbps, "rtp": kbps * _RTP_FACTOR} | top_and_lowest(rung.bandwidth for rung in rungs)
            if loading.estimate.can_estimate:
                keys["mtp"] = round(loading.estimate.bps / 1000)
        following = loading.following(fetch)
        if following is not None:
            keys["nor"] = following
        return keys

    def count(self, fetch: Fetch, answer: Answer, now: float) -> None:
        """A request has ended: into the record, and as an `rr` event."""
        key = RequestKey(fetch.kind, answer.outcome, answer.tier, answer.node)
        self.record.add_request(key, answer.size, answer.ttfb_s, answer.total_s)
        failed = not answer.is_ok and not (fetch.kind in _OPTIONAL and answer.status in _NOT_OFFERED)
        self.record.errors += failed
        if fetch.kind not in _MEDIA:
            return
        parts = urlsplit(answer.url)
        self._edge = f"{parts.scheme}://{parts.netloc}"
        self._since_beat["requests"] += 1
        self._since_beat["errors"] += failed
        if fetch.segment is not None and fetch.sent_s is not None and fetch.segment.duration > 0:
            self.record.pacing_error.record(abs(fetch.sent_s - fetch.due_s) / fetch.segment.duration)
        if self.reports is not None:
            keys = response_received(fetch.address, answer.status, answer.ttfb_s, answer.total_s)
            self._report(Event.RESPONSE_RECEIVED, self.wall_s + now - answer.total_s, keys)

    def note_changes(self, now: float) -> None:
        """Report the player state and the rung on screen where they changed."""
        if self.reports is None:
            return
        if self.buffer.state is not self._state:
            self._state = self.buffer.state
            self._report(Event.PLAY_STATE, self.wall_s + now, {})
        shown = self.buffer.shown_bps
        if shown is not None and shown != self._rung_bps:
            self._rung_bps = shown
            self._report(Event.BITRATE_CHANGE, self.wall_s + now, {"br": round(shown / 1000)})

    def report_fatal(self, code: str, now: float) -> None:
        """Report that playback cannot go on; `code` is the HTTP status or a word."""
        if self.reports is not None:
            keys = self._session_keys() | {"sta": "f", "ec": code}
            self.reports.report(Event.ERROR, self.wall_s + now, keys)

    def event_batch(self, now: float) -> Fetch | None:
        """The queued events as a request; None when there are none."""
        url = self.settings.events_url or (f"{self.settings.gateway}/events/cmcd" if self.settings.gateway else "")
        if self.reports is None or not url or self.reports.is_silenced:
            return None
        if self.buffer.state is not Playback.ENDED:
            self._report(Event.INTERVAL, self.wall_s + now, {})
        if not self.reports.lines:
            return None
        headers = (("Content-Type", "application/cmcd"),)
        return Fetch(RequestKind.EVENTS, url, now, headers=headers, body=self.reports.batch())

    def heartbeat(self, now: float) -> Fetch | None:
        """Position and troubles since the last heartbeat; None where the target takes none."""
        if not self.heartbeats_offered or not self.settings.gateway:
            return None
        stalled_s = max(0.0, self.record.stalled_s - self._stalled_told_s)
        self._stalled_told_s = self.record.stalled_s
        found: Mapping[str, object] = {
            "sessionId": self.record.session_id,
            "currentPosition": round(self.buffer.position, 3),
            "edge": self._edge,
            **self._since_beat,
            "stalledSeconds": round(min(stalled_s, 86_400.0), 3),
        }
        self._since_beat = {"requests": 0, "errors": 0}
        return self._post("/playback/heartbeat", found, now)

    def stop(self, now: float) -> Fetch | None:
        """Tell the gateway that the session is over."""
        if not self.heartbeats_offered or not self.settings.gateway:
            return None
        found = {"sessionId": self.record.session_id, "currentPosition": round(self.buffer.position, 3)}
        return self._post("/playback/stop", found, now)

    def _post(self, path: str, found: Mapping[str, object], now: float) -> Fetch:
        headers = (("Content-Type", "application/json"),)
        url, body = self.settings.gateway + path, json.dumps(found).encode()
        return Fetch(RequestKind.HEARTBEAT, url, now, headers=headers, body=body)

    def on_report_answer(self, fetch: Fetch, answer: Answer) -> None:
        """A heartbeat or a batch was answered: stop where the target has no such endpoint, keep what it refused."""
        gone = answer.status in _NOT_OFFERED
        if fetch.kind is RequestKind.HEARTBEAT and gone and fetch.url.endswith("/heartbeat"):
            self.heartbeats_offered = False
        if fetch.kind is RequestKind.EVENTS and self.reports is not None:
            if gone:
                self.reports.is_silenced = True
                self.reports.lines.clear()
            elif not answer.is_ok and fetch.body is not None and (answer.status == 429 or answer.status >= 500):
                self.reports.give_back(fetch.body)
