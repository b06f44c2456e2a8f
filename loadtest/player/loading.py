"""What a session loads next: rung, playlist, init segment, media segment, for video and for its audio. Pure.

Over 300 lines because choosing, answering, retrying and giving up are steps of one request's life.

One request at a time and track, as in hls.js: the rung is chosen when the buffer has room for the next segment, then
its playlist and init segment are loaded if they are not known yet. A request that fails is repeated after a delay, and
on another pathway where there is one.
"""

import math
from dataclasses import dataclass, field

from loadtest.player.abr import Rule, Situation, Transfer
from loadtest.player.bandwidth import BandwidthEstimator
from loadtest.player.buffer import MediaBuffer
from loadtest.player.cmcd import relative_reference, without_cmcd
from loadtest.player.presentation import Part, Rung, Segment, Track, UnplayableManifest
from loadtest.player.requests import Abort, Answer, Command, Fetch
from loadtest.player.settings import PlayerSettings
from loadtest.player.title import Loaded, Title
from loadtest.session import RequestKind

VIDEO, AUDIO = "video", "audio"
RESCUE_INTERVAL_S = 0.1
"""How often a slow segment is looked at, as in hls.js."""


_WORTH_REPEATING = (408, 425, 429)
"""Statuses below 500 that may pass by themselves."""


@dataclass(slots=True)
class Loader:
    """One track's loading."""

    name: str
    fetch: Fetch | None = None
    retry_s: float | None = None
    """Nothing is requested before."""
    failures: int = 0
    """In a row."""
    inits: set[str] = field(default_factory=set)
    """Init segments that were loaded."""
    is_complete: bool = False
    """The last segment is in the buffer."""
    blocked_until_s: float | None = None
    """When the buffer will have room, as it was predicted last; infinity: not by time alone."""
    free_s: float = 0.0
    """When the last request ended."""


@dataclass(slots=True)
class Loading:
    """Loads a title into the buffer of one session."""

    title: Title
    buffer: MediaBuffer
    rule: Rule
    estimate: BandwidthEstimator
    settings: PlayerSettings
    goal_s: float
    allowed: int
    """Highest rung that the device plays."""
    loaders: dict[str, Loader] = field(default_factory=dict)
    last_rung: int | None = None
    forced_rung: int | None = None
    """Chosen by a rescue for the next segment."""
    playlist_s: float = 0.0
    pathway_moves: int = 0
    has_no_other_pathway: bool = False
    """Requests fail, and there is no pathway left to move to."""
    is_open: bool = False
    """It is known where to begin."""
    failed_rungs: set[int] = field(default_factory=set)
    _rescue_s: float | None = None

    def open(self) -> None:
        """Make a loader for each track of the title."""
        rung = self.title.presentation.rungs[0]
        has_audio = self.title.source(rung).audio is not None
        self.loaders = {name: Loader(name) for name in ((VIDEO, AUDIO) if has_audio else (VIDEO,))}

    def plan(self, now: float) -> list[Fetch]:
        """The requests to send now."""
        made = []
        for loader in self.loaders.values():
            if loader.fetch is None and not loader.is_complete and (loader.retry_s is None or loader.retry_s <= now):
                due_s = loader.free_s if loader.retry_s is None else loader.retry_s
                loader.fetch = self._next(loader, now, due_s)
                if loader.fetch is not None:
                    loader.retry_s = None
                    made.append(loader.fetch)
        return made

    def _next(self, loader: Loader, now: float, due_s: float) -> Fetch | None:
        rung = self._choose() if loader.name == VIDEO else self._current_rung()
        room_s = self._room_at(loader, self.title.presentation.rungs[rung], now)
        if room_s > now + 1e-6:
            loader.blocked_until_s = room_s
            return None
        if loader.blocked_until_s is not None:
            due_s = max(due_s, min(now, loader.blocked_until_s))
            loader.blocked_until_s = None
        source = self.title.source(self.title.presentation.rungs[rung])
        track = source.video if loader.name == VIDEO else source.audio
        if track is None:
            loader.is_complete = True
            self.buffer.ends.pop(loader.name, None)
            return None
        loaded = self.title.timeline(track)
        if loaded is None or self._is_stale(loader, loaded, now):
            return self._playlist(loader, track, rung, due_s)
        return self._segment(loader, track, loaded, rung, now, due_s)

    def _current_rung(self) -> int:
        """For audio: the rung that the video is at."""
        video = self.loaders[VIDEO]
        if video.fetch is not None:
            return video.fetch.rung
        if self.last_rung is not None:
            return self.last_rung
        return self._choose()

    def situation(self) -> Situation:
        """What the ABR rule sees."""
        rungs = self.title.presentation.rungs
        return Situation(
            rungs=rungs,
            allowed=self.allowed,
            last=self.last_rung,
            first_listed=min(self.title.presentation.first, self.allowed),
            buffer_s=self.buffer.level_s,
            segment_s=self._segment_s(),
            is_live=self._is_live(),
            has_playlist=[self.title.is_loaded(self.title.source(rung).video) for rung in rungs],
            playlist_s=self.playlist_s,
            is_sound=[index not in self.failed_rungs for index in range(len(rungs))],
        )

    def _segment_s(self) -> float:
        if self.last_rung is None:
            return 1.0
        loaded = self.title.timeline(self.title.source(self.title.presentation.rungs[self.last_rung]).video)
        if loaded is None or not loaded.timeline.segments:
            return 1.0
        segments = loaded.timeline.segments
        index = min(loaded.timeline.index_at(self.buffer.ends[VIDEO]), len(segments) - 1)
        return segments[max(0, index - 1)].duration

    def _is_live(self) -> bool:
        return self.buffer.duration is None and self.last_rung is not None

    def _choose(self) -> int:
        if self.forced_rung is not None:
            return self.forced_rung
        if len(self.title.presentation.rungs) == 1:
            return 0
        return self.rule.choose(self.situation(), self.estimate)

    def goal_at(self, rung: Rung) -> float:
        """Seconds to keep buffered (hls.js `getMaxBufferLength`)."""
        by_size = 8 * self.settings.buffer_bytes / rung.bandwidth if rung.bandwidth else 0.0
        return min(max(by_size, self.goal_s), self.settings.max_buffer_s)

    def _room_at(self, loader: Loader, rung: Rung, now: float) -> float:
        """When the buffer will have room for the next segment. Audio keeps within one segment of the video."""
        if loader.name == AUDIO and not self.loaders[VIDEO].is_complete:
            lead_s = self.buffer.ends[AUDIO] - self.buffer.ends[VIDEO]
            if lead_s > max(self._segment_s(), 1.0) - 1e-3:
                return math.inf
        over_s = self.buffer.ahead(loader.name) - self.goal_at(rung)
        if over_s <= 0:
            return now
        # While the playhead stands there is never room; whatever moves it is an event of its own.
        return now + over_s if self.buffer.is_moving else math.inf

    def _is_stale(self, loader: Loader, loaded: Loaded, now: float) -> bool:
        """Whether a live playlist has to be loaded again for the next segment (RFC 8216 §6.3.4)."""
        timeline = loaded.timeline
        if not timeline.live or timeline.index_at(self.buffer.ends[loader.name]) < len(timeline.segments):
            return False
        wait_s = timeline.target_duration or 1.0
        return now >= loaded.at_s + wait_s

    def _playlist(self, loader: Loader, track: Track, rung: int, due_s: float) -> Fetch:
        if track.playlist is None:
            raise ValueError(f"track {track.id} has no playlist to load")
        return Fetch(
            RequestKind.MANIFEST,
            self.title.playlist_address(track),
            due_s,
            loader.name,
            byte_range=track.playlist.part.byte_range,
            keeps_body=True,
            rung=rung,
            timeout_s=self.settings.timeout_s,
            pathway=self.title.pathways.current,
        )

    def _segment(
        self, loader: Loader, track: Track, loaded: Loaded, rung: int, now: float, due_s: float
    ) -> Fetch | None:
        timeline = loaded.timeline
        index = timeline.index_at(self.buffer.ends[loader.name])
        if index >= len(timeline.segments):
            if timeline.live:
                loader.blocked_until_s = loaded.at_s + (timeline.target_duration or 1.0)
            else:
                self._complete(loader)
            return None
        if not self.is_open:
            loader.blocked_until_s = math.inf
            return None
        segment = timeline.segments[index]
        init = segment.init
        if init is not None:
            address = self.title.address(loaded.url, init)
            if f"{track.id} {init}" not in loader.inits:
                return self._media(loader, RequestKind.INIT, address, init, segment, rung, due_s)
        address = self.title.address(loaded.url, segment.part)
        if loader.name == VIDEO:
            self._rescue_s = now + max(RESCUE_INTERVAL_S, segment.duration / 2)
        return self._media(loader, RequestKind.SEGMENT, address, segment.part, segment, rung, due_s)

    def _media(
        self, loader: Loader, kind: RequestKind, address: str, part: Part, segment: Segment, rung: int, due_s: float
    ) -> Fetch:
        return Fetch(
            kind,
            address,
            due_s,
            loader.name,
            byte_range=part.byte_range,
            segment=segment,
            rung=rung,
            size_known=part.byte_range.length if part.byte_range else None,
            timeout_s=self.settings.timeout_s,
            pathway=self.title.pathways.current,
        )

    def _complete(self, loader: Loader) -> None:
        loader.is_complete = True
        # The shorter track must not stall the longer one at the film's end.
        if self.buffer.duration is not None:
            self.buffer.append(loader.name, self.buffer.ends[loader.name], self.buffer.duration + 1e-3, None)

    def on_answer(self, fetch: Fetch, answer: Answer, now: float) -> str | None:
        """A request of a track has ended. Returns a sentence when the session cannot go on."""
        loader = self.loaders[fetch.track]
        loader.fetch, loader.free_s = None, now
        if loader.name == VIDEO:
            self._rescue_s = None
        if not answer.is_ok:
            return self._failed(loader, fetch, answer, now)
        rung = self.title.presentation.rungs[fetch.rung]
        source = self.title.source(rung)
        track = source.audio if loader.name == AUDIO and source.audio is not None else source.video
        match fetch.kind:
            case RequestKind.MANIFEST:
                self.playlist_s = now - (fetch.first_byte_s or now)
                try:
                    self.title.store(track, fetch.address, without_cmcd(answer.url), answer.body, now)
                except UnplayableManifest as error:
                    return f"{error}: {answer.url}"
            case RequestKind.INIT if fetch.segment is not None:
                loader.inits.add(f"{track.id} {fetch.segment.init}")
            case _:
                self._arrived(loader, fetch, rung, now)
        loader.failures = 0
        return None

    def _arrived(self, loader: Loader, fetch: Fetch, rung: Rung, now: float) -> None:
        segment = fetch.segment
        if segment is None:
            return
        if loader.name == VIDEO:
            self._sample(fetch, now)
            self.last_rung = fetch.rung
            self.forced_rung = None
            self.failed_rungs.discard(fetch.rung)
        self.buffer.append(loader.name, segment.start, segment.end, rung.bandwidth if loader.name == VIDEO else None)

    def _sample(self, fetch: Fetch, now: float) -> None:
        if fetch.sent_s is None or fetch.first_byte_s is None:
            return
        ttfb_s = fetch.first_byte_s - fetch.sent_s
        self.estimate.sample_ttfb(ttfb_s)
        parsing_s = self.settings.processing_s if self.last_rung is not None else self.settings.first_processing_s
        busy_s = now - fetch.sent_s + parsing_s - min(ttfb_s, self.estimate.ttfb_s)
        self.estimate.sample(busy_s, fetch.loaded)

    def _failed(self, loader: Loader, fetch: Fetch, answer: Answer, now: float) -> str | None:
        if fetch.pathway != self.title.pathways.current:
            # The other track, or steering, has moved the session: this failure says nothing of the new pathway.
            loader.failures, loader.retry_s = 0, now
            return None
        loader.failures += 1
        if loader.failures >= self.settings.max_failures:
            return f"{fetch.kind.value} failed {loader.failures} times, last with {answer.outcome}: {fetch.url}"
        delay_s = self.settings.retry_delay_s * 2 ** (loader.failures - 1)
        loader.retry_s = now + min(delay_s, self.settings.max_retry_delay_s)
        if loader.name == VIDEO:
            self.failed_rungs.add(fetch.rung)
        final = 400 <= answer.status < 500 and answer.status not in _WORTH_REPEATING
        if final or loader.failures % self.settings.failures_before_failover == 0:
            if self.title.pathways.penalize(now):
                self.pathway_moves += 1
                self.failed_rungs.clear()
                loader.retry_s = now
            else:
                self.has_no_other_pathway = True
        return None

    def following(self, fetch: Fetch) -> str | None:
        """The segment after the one that `fetch` loads, for CMCD `nor`: a reference, with ` FIRST-LAST` for a range."""
        source = self.title.source(self.title.presentation.rungs[fetch.rung])
        track = source.audio if fetch.track == AUDIO and source.audio is not None else source.video
        loaded = self.title.timeline(track)
        if loaded is None or fetch.segment is None:
            return None
        index = loaded.timeline.index_at(fetch.segment.end)
        if index >= len(loaded.timeline.segments):
            return None
        part = loaded.timeline.segments[index].part
        reference = relative_reference(self.title.address(loaded.url, part), fetch.address)
        if reference is None or part.byte_range is None:
            return reference
        return f"{reference} {part.byte_range.offset}-{part.byte_range.offset + part.byte_range.length - 1}"

    def rescue(self, now: float) -> Command | None:
        """Give up the video segment on its way when the ABR rule prefers a lower rung."""
        loader = self.loaders.get(VIDEO)
        fetch = loader.fetch if loader is not None else None
        if loader is None or fetch is None or fetch.segment is None or fetch.kind is not RequestKind.SEGMENT:
            return None
        if self._rescue_s is None or now < self._rescue_s or fetch.sent_s is None:
            return None
        self._rescue_s = now + RESCUE_INTERVAL_S
        ttfb_s = None if fetch.first_byte_s is None else fetch.first_byte_s - fetch.sent_s
        transfer = Transfer(fetch.rung, now - fetch.sent_s, ttfb_s, fetch.loaded, fetch.size)
        situation = self.situation()._replace(segment_s=fetch.segment.duration)
        lower = self.rule.rescue(situation, self.estimate, transfer)
        if lower is None:
            return None
        if ttfb_s is None or not fetch.loaded:
            self.estimate.sample_ttfb(transfer.elapsed_s)
        else:
            self.estimate.sample(transfer.elapsed_s - min(self.estimate.ttfb_s, ttfb_s), fetch.loaded)
        self.forced_rung = lower
        loader.fetch, loader.free_s, self._rescue_s = None, now, None
        return Abort(fetch)

    def drop_requests(self, now: float) -> list[Command]:
        """Abort what is on its way and forget failures: after a seek, or a new token."""
        aborted: list[Command] = []
        for loader in self.loaders.values():
            if loader.fetch is not None:
                aborted.append(Abort(loader.fetch))
            loader.fetch, loader.retry_s, loader.failures, loader.free_s = None, None, 0, now
            loader.is_complete, loader.blocked_until_s = False, None
        self._rescue_s, self.has_no_other_pathway = None, False
        return aborted

    @property
    def wake_s(self) -> float | None:
        """When to plan again if nothing arrives."""
        idle = [loader for loader in self.loaders.values() if loader.fetch is None and not loader.is_complete]
        waits = [one.blocked_until_s if one.retry_s is None else one.retry_s for one in idle]
        times = [time for time in waits if time is not None]
        if self._rescue_s is not None:
            times.append(self._rescue_s)
        return min(times, default=None)
