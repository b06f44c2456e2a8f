"""What a session loads next: rung, playlist, init segment, media segment, for video and for its audio. Pure.

Over 300 lines because choosing, answering, retrying and giving up are steps of one request's life.

One segment at a time and track, as in hls.js: the rung is chosen when the buffer has room for the next segment, then
its playlist is loaded if it is not known yet, then the segment, together with the init segment and the key that it
needs. A request that fails is repeated after a delay, and on another pathway where there is one.
"""

import math
from dataclasses import dataclass, field

from loadtest.player.abr import Rule, Situation, Transfer
from loadtest.player.bandwidth import BandwidthEstimator
from loadtest.player.buffer import MediaBuffer, Playback
from loadtest.player.cmcd import relative_reference, without_cmcd
from loadtest.player.presentation import Part, Rung, Segment, Source, Track, UnplayableManifest
from loadtest.player.requests import Abort, Answer, Command, Fetch
from loadtest.player.settings import PlayerSettings
from loadtest.player.title import Loaded, Title
from loadtest.session import RequestKind

VIDEO, AUDIO, TEXT = "video", "audio", "text"
RESCUE_INTERVAL_S = 0.1
"""How often a slow segment is looked at, as in hls.js."""
AUDIO_DELAY_S = 0.04
"""Two frames of AAC at 48 kHz."""
KEY_BYTES = 16
"""A key of AES-128 (RFC 8216 §4.3.2.4)."""

_WORTH_REPEATING = (408, 425, 429)
"""Statuses below 500 that may pass by themselves."""


def _name_of(track: Track, kind: RequestKind, part: Part | None) -> str:
    """Of an init segment or key: a track uses the same at all pathways."""
    return f"{kind.value} {track.id} {part}"


def _needed_part(fetch: Fetch) -> Part | None:
    if fetch.segment is None:
        return None
    return fetch.segment.init if fetch.kind is RequestKind.INIT else fetch.segment.key


@dataclass(slots=True)
class Loader:
    """One track's loading."""

    name: str
    fetch: Fetch | None = None
    """The playlist or segment on its way."""
    needs: list[Fetch] = field(default_factory=list)
    """What the segment needs: an init segment and a key, on their way besides it."""
    arrived: Fetch | None = None
    """A segment that has come before all that it needs."""
    retry_s: float | None = None
    """Nothing is requested before."""
    failures: int = 0
    """In a row."""
    held: set[str] = field(default_factory=set)
    """Init segments and keys that were loaded."""
    is_started: bool = False
    """A segment has come since the session began."""
    is_complete: bool = False
    """The last segment is in the buffer."""
    blocked_until_s: float | None = None
    """When the buffer will have room, as it was predicted last; infinity: not by time alone."""
    free_s: float = 0.0
    """When the last request ended."""

    @property
    def on_way(self) -> list[Fetch]:
        """All its requests."""
        return [*self.needs, self.fetch] if self.fetch is not None else list(self.needs)

    @property
    def is_free(self) -> bool:
        """Whether it may ask for the next segment."""
        return self.fetch is None and self.arrived is None and not self.needs

    def forget(self, fetch: Fetch) -> None:
        """A request has ended."""
        if self.fetch is fetch:
            self.fetch = None
        else:
            self.needs.remove(fetch)

    def drop(self) -> list[Command]:
        """Give up what is on its way, and what has come of it."""
        aborted: list[Command] = [Abort(fetch) for fetch in self.on_way]
        self.fetch, self.arrived = None, None
        self.needs.clear()
        return aborted


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
    _dropped: list[Command] = field(default_factory=list)

    def open(self) -> None:
        """Make a loader for each track of the title."""
        source = self.title.source(self.title.presentation.rungs[0])
        names = (VIDEO, AUDIO, TEXT)
        self.loaders = {name: Loader(name) for name in names if self._track(name, source) is not None}

    def _track(self, name: str, source: Source) -> Track | None:
        if name == VIDEO:
            return source.video
        return source.audio if name == AUDIO else source.subtitles(self.settings.subtitles)

    def owns(self, fetch: Fetch) -> bool:
        """Whether it still waits for the request."""
        return any(one is fetch for one in self.loaders[fetch.track].on_way)

    def plan(self, now: float) -> list[Command]:
        """The requests to send now, and those to give up because something that they need has failed."""
        made, self._dropped = self._dropped, []
        for loader in self.loaders.values():
            if loader.is_free and not loader.is_complete and (loader.retry_s is None or loader.retry_s <= now):
                due_s = loader.free_s if loader.retry_s is None else loader.retry_s
                loader.fetch = self._next(loader, now, due_s)
                if loader.fetch is not None:
                    loader.retry_s = None
                    made += loader.on_way
        return made

    def _next(self, loader: Loader, now: float, due_s: float) -> Fetch | None:
        if self._awaits_other_track(loader):
            loader.blocked_until_s = math.inf
            return None
        rung = self._choose() if loader.name == VIDEO else self._current_rung()
        room_s = self._room_at(loader, self.title.presentation.rungs[rung], now)
        if room_s > now + 1e-6:
            loader.blocked_until_s = room_s
            return None
        if loader.blocked_until_s is not None:
            due_s = max(due_s, min(now, loader.blocked_until_s))
            loader.blocked_until_s = None
        source = self.title.source(self.title.presentation.rungs[rung])
        track = self._track(loader.name, source)
        if track is None:
            loader.is_complete = True
            self.buffer.ends.pop(loader.name, None)
            return None
        loaded = self.title.timeline(track)
        if loaded is None or self._is_stale(loader, loaded, now):
            return self._playlist(loader, track, rung, due_s)
        return self._segment(loader, track, loaded, rung, now, due_s)

    def _awaits_other_track(self, loader: Loader) -> bool:
        """A browser appends nothing before it has data of both tracks, and hls.js loads no second segment before."""
        others = (self.loaders[name] for name in (VIDEO, AUDIO) if name in self.loaders and name != loader.name)
        return loader.is_started and not all(other.is_started or other.is_complete for other in others)

    def _current_rung(self) -> int:
        """For audio and subtitles: the rung that the video is at."""
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
            buffer_s=self.buffer.ahead(VIDEO),
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
        """When the buffer will have room for the next segment."""
        video = self.loaders[VIDEO].arrived or self.loaders[VIDEO].fetch
        limit_s = video.segment.end if video is not None and video.segment is not None else math.inf
        # While a video segment is loaded, hls.js loads no audio that begins after its end. Encoders delay audio by a
        # frame or two, so what begins with the next video segment by the playlist begins after it.
        if loader.name == AUDIO and self.buffer.ends[AUDIO] > limit_s - AUDIO_DELAY_S:
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
        fetch = self._media(loader, RequestKind.SEGMENT, loaded.url, segment.part, segment, rung, due_s)
        for kind, part in ((RequestKind.INIT, segment.init), (RequestKind.LICENCE, segment.key)):
            if part is not None and _name_of(track, kind, part) not in loader.held:
                loader.needs.append(self._media(loader, kind, loaded.url, part, segment, rung, due_s))
        if loader.name == VIDEO:
            self._rescue_s = now + max(RESCUE_INTERVAL_S, segment.duration / 2)
        return fetch

    def _media(
        self, loader: Loader, kind: RequestKind, base: str, part: Part, segment: Segment, rung: int, due_s: float
    ) -> Fetch:
        size = part.byte_range.length if part.byte_range else None
        return Fetch(
            kind,
            self.title.address(base, part),
            due_s,
            loader.name,
            byte_range=part.byte_range,
            segment=segment,
            rung=rung,
            size_known=KEY_BYTES if kind is RequestKind.LICENCE else size,
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
        loader.forget(fetch)
        loader.free_s = now
        if loader.name == VIDEO and fetch.kind is RequestKind.SEGMENT:
            self._rescue_s = None
        if not answer.is_ok:
            return self._failed(loader, fetch, answer, now)
        rung = self.title.presentation.rungs[fetch.rung]
        track = self._track(loader.name, self.title.source(rung)) or self.title.source(rung).video
        match fetch.kind:
            case RequestKind.MANIFEST:
                if loader.name == VIDEO:
                    self.playlist_s = now - (fetch.first_byte_s or now)
                try:
                    self.title.store(track, fetch.address, without_cmcd(answer.url), answer.body, now)
                except UnplayableManifest as error:
                    return self._give_up(loader, f"{error}: {answer.url}")
            case RequestKind.SEGMENT:
                loader.arrived = fetch
            case _:
                loader.held.add(_name_of(track, fetch.kind, _needed_part(fetch)))
        if loader.arrived is not None and not loader.needs:
            self._append(loader, loader.arrived, rung, now)
        loader.failures = 0
        return None

    def _append(self, loader: Loader, fetch: Fetch, rung: Rung, now: float) -> None:
        """The segment is complete with all that it needs."""
        loader.arrived, segment = None, fetch.segment
        if segment is None:
            return
        loader.is_started = True
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
        self._dropped += loader.drop()
        if loader.name == VIDEO:
            self._rescue_s = None
        if fetch.pathway != self.title.pathways.current:
            # The other track, or steering, has moved the session: this failure says nothing of the new pathway.
            loader.failures, loader.retry_s = 0, now
            return None
        loader.failures += 1
        if loader.failures >= self.settings.max_failures:
            said = f"{fetch.kind.value} failed {loader.failures} times, last with {answer.outcome}: {fetch.url}"
            return self._give_up(loader, said)
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

    def _give_up(self, loader: Loader, said: str) -> str | None:
        """Without subtitles the film goes on; without video or audio it does not, and `said` says why."""
        if loader.name != TEXT:
            return said
        loader.is_complete = True
        return None

    def following(self, fetch: Fetch) -> str | None:
        """The segment after the one that `fetch` loads, for CMCD `nor`: a reference, with ` FIRST-LAST` for a range."""
        track = self._track(fetch.track, self.title.source(self.title.presentation.rungs[fetch.rung]))
        loaded = self.title.timeline(track) if track is not None else None
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

    def rescue(self, now: float) -> list[Command]:
        """Give up the video segment on its way when the ABR rule prefers a lower rung."""
        loader = self.loaders.get(VIDEO)
        fetch = loader.fetch if loader is not None else None
        if loader is None or fetch is None or fetch.segment is None or fetch.kind is not RequestKind.SEGMENT:
            return []
        if self._rescue_s is None or now < self._rescue_s or fetch.sent_s is None:
            return []
        self._rescue_s = now + RESCUE_INTERVAL_S
        if self.buffer.state is Playback.PAUSED or not loader.is_started:
            # As in hls.js: nothing is given up while the film is paused, or before there is a first picture.
            return []
        ttfb_s = None if fetch.first_byte_s is None else fetch.first_byte_s - fetch.sent_s
        transfer = Transfer(fetch.rung, now - fetch.sent_s, ttfb_s, fetch.loaded, fetch.size)
        situation = self.situation()._replace(segment_s=fetch.segment.duration)
        lower = self.rule.rescue(situation, self.estimate, transfer)
        if lower is None:
            return []
        self.forced_rung = lower
        loader.free_s, self._rescue_s = now, None
        return loader.drop()

    def drop_requests(self, now: float) -> list[Command]:
        """Abort what is on its way and forget failures: after a seek, or a new token."""
        aborted, self._dropped = self._dropped, []
        for loader in self.loaders.values():
            aborted += loader.drop()
            loader.retry_s, loader.failures, loader.free_s = None, 0, now
            loader.is_complete, loader.blocked_until_s = False, None
        self._rescue_s, self.has_no_other_pathway = None, False
        return aborted

    @property
    def wake_s(self) -> float | None:
        """When to plan again if nothing arrives."""
        idle = [loader for loader in self.loaders.values() if loader.is_free and not loader.is_complete]
        waits = [one.blocked_until_s if one.retry_s is None else one.retry_s for one in idle]
        times = [time for time in waits if time is not None]
        if self._rescue_s is not None:
            times.append(self._rescue_s)
        return min(times, default=None)
