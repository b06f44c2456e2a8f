"""One virtual player from the intent to play to the end: a state machine of requests, answers and the time. Pure.

Over 300 lines because it is one state machine: starting, playing and closing share its fields.

The driver calls `begin`, then `on_answer` for each request that ended and `on_timer` at `wake_s`, each with the story
seconds since the session began; it carries out the commands that these return until `is_over`.
"""

import json
from enum import Enum, auto
from urllib.parse import urljoin

from loadtest.player.abr import rule_named
from loadtest.player.bandwidth import BandwidthEstimator
from loadtest.player.buffer import MediaBuffer, Playback
from loadtest.player.cmcd import EventReports, without_cmcd
from loadtest.player.gateway import Started, is_address, read_start, start_url
from loadtest.player.licence import LicenceLoader, LicenceUnavailable, protection_of
from loadtest.player.loading import TEXT, VIDEO, Loading
from loadtest.player.presentation import Presentation, Steering, UnplayableManifest
from loadtest.player.requests import Abort, Answer, Command, Fetch
from loadtest.player.settings import PlayerSettings
from loadtest.player.steering import DEFAULT_TTL_S, read_steering, steering_request
from loadtest.player.telemetry import Telemetry
from loadtest.player.title import ManifestReader, PlainReader, Title
from loadtest.session import EndReason, Failure, RequestKind, Seek, SessionRecord, Viewer

LIVE_SYNC_SEGMENTS = 3
"""A live title begins this many target durations behind its end, as in hls.js."""
_REFUSED_AT_START = (401, 403, 409, 451)
_TOKEN_REFUSED = (401, 403, 410, 451)
RESTART_INTERVAL_S = 30.0
"""A refused token is replaced by a new start of the session at most this often."""
CLOSING_TIMEOUT_S = 5.0


class Phase(Enum):
    """Where a session stands."""

    RESOLVING = auto()
    """Asks the gateway where the title plays from."""
    MANIFEST = auto()
    PLAYING = auto()
    CLOSING = auto()
    """Only the last reports are on their way."""
    OVER = auto()


class Player:
    """Plays one viewer's session. `wall_s` is the Unix time at which it begins, for event reports."""

    def __init__(
        self,
        viewer: Viewer,
        settings: PlayerSettings,
        session_id: str,
        *,
        wall_s: float = 0.0,
        reader: ManifestReader | None = None,
    ) -> None:
        self.viewer = viewer
        self.settings = settings
        self.record = SessionRecord(viewer, session_id)
        self.buffer = MediaBuffer(
            self.record, settings.resume_after_s, settings.first_frame_s, optional=frozenset((TEXT,))
        )
        self.telemetry = Telemetry(self.record, settings, self.buffer, wall_s)
        if settings.sends_events:
            self.telemetry.reports = EventReports()
        self.phase = Phase.RESOLVING
        self.loading: Loading | None = None
        self._reader = reader or PlainReader()
        self._actions = list(viewer.actions)
        self._started: Started | None = None
        self._alternatives: list[str] = []
        self._cookie = ""
        self._top: Fetch | None = None
        self._top_retry: Fetch | None = None
        self._top_failures = 0
        self._licence: LicenceLoader | None = None
        self._steering: Steering | None = None
        self._steering_s: float | None = None
        self._heartbeat_s: float | None = None
        self._events_s: float | None = None
        self._restarted_s: float | None = None
        self._is_restarting = False
        self._open_fetches: set[Fetch] = set()

    @property
    def is_over(self) -> bool:
        """Whether the session has ended and nothing is on its way."""
        return self.phase is Phase.OVER

    # What the driver calls

    def begin(self, now: float = 0.0) -> list[Command]:
        """The viewer wants to watch."""
        self.buffer.now = self.buffer.waiting_since = now
        return self._done([*self._start(now)], now)

    def on_answer(self, fetch: Fetch, answer: Answer, now: float) -> list[Command]:
        """A request has ended."""
        self._open_fetches.discard(fetch)
        self.buffer.advance(now)
        self.telemetry.count(fetch, answer, now)
        self._keep_cookie(answer)
        commands: list[Command] = []
        if self.phase is not Phase.CLOSING:
            commands += self._handle(fetch, answer, now)
        return self._done(commands, now)

    def on_timer(self, now: float) -> list[Command]:
        """Time has passed."""
        return self._done([], now)

    def stop(self, now: float) -> list[Command]:
        """The run ends: leave at once."""
        self.buffer.advance(now)
        commands = self._end(EndReason.RUN_ENDED, "", now) if self.phase is not Phase.CLOSING else []
        return self._done(commands, now)

    @property
    def wake_s(self) -> float | None:
        """When to call `on_timer` if nothing ends before; None: only an answer can change anything."""
        if self.phase in (Phase.CLOSING, Phase.OVER):
            return None
        times = [self.buffer.next_change_s, self._steering_s, self._heartbeat_s, self._events_s, self._leaving_s()]
        if self._actions and self.loading is not None and self.loading.is_open:
            times.append(self._actions[0].at_s)
        if self._top_retry is not None:
            times.append(self._top_retry.due_s)
        if self._licence is not None:
            times.append(self._licence.retry_s)
        if self.loading is not None and not self._is_restarting:
            times.append(self.loading.wake_s)
        return min((time for time in times if time is not None), default=None)

    # One step

    def _done(self, commands: list[Command], now: float) -> list[Command]:
        """Everything that follows from the time and the state, after each event."""
        self.buffer.advance(now)
        if self.phase in (Phase.RESOLVING, Phase.MANIFEST, Phase.PLAYING):
            commands += self._act(now)
            commands += self._leave(now)
        if self.phase is not Phase.CLOSING and self._top_retry is not None:
            commands += self._retry_top(now)
        if self.phase is Phase.PLAYING and self.loading is not None:
            commands += self.loading.rescue(now)
            for command in [] if self._is_restarting else self.loading.plan(now):
                if isinstance(command, Fetch):
                    self.telemetry.decorate(command, self.loading)
                commands.append(command)
            commands += self._ask_licence(now)
            commands += self._reports(now)
            # A last segment without data leaves nothing to wait for.
            commands += self._leave(now)
        if self.phase is not Phase.RESOLVING:
            self.telemetry.note_changes(now)
        return self._tracked(commands)

    def _tracked(self, commands: list[Command]) -> list[Command]:
        for command in commands:
            if isinstance(command, Abort):
                self._open_fetches.discard(command.fetch)
            else:
                self._authorise(command)
                self._open_fetches.add(command)
        if self.phase is Phase.CLOSING and not self._open_fetches:
            self.phase = Phase.OVER
        return commands

    def _authorise(self, fetch: Fetch) -> None:
        if self._cookie and self.settings.gateway and fetch.url.startswith(self.settings.gateway + "/"):
            fetch.headers = (*fetch.headers, ("Cookie", self._cookie))

    def _keep_cookie(self, answer: Answer) -> None:
        text = answer.headers.get("set-cookie", "")
        if text and self.settings.gateway and answer.url.startswith(self.settings.gateway + "/"):
            self._cookie = text.partition(";")[0]

    def _handle(self, fetch: Fetch, answer: Answer, now: float) -> list[Command]:
        match fetch.kind:
            case RequestKind.START:
                return self._on_start(fetch, answer, now)
            case RequestKind.STEERING:
                self._on_steering(answer, now)
                return []
            case RequestKind.HEARTBEAT | RequestKind.EVENTS:
                self.telemetry.on_report_answer(fetch, answer)
                return []
            case RequestKind.LICENCE if self._licence is not None and not fetch.track:
                return self._on_licence(self._licence, fetch, answer, now)
            case _ if fetch is self._top:
                return self._on_manifest(fetch, answer, now)
            case _:
                return self._on_media(fetch, answer, now)

    # Before the first segment

    def _start(self, now: float) -> list[Command]:
        if is_address(self.viewer.title):
            return [self._load_manifest(self.viewer.title, now)]
        return [self._get_start(now)]

    def _get_start(self, now: float) -> Fetch:
        url = start_url(self.viewer, self.settings)
        return Fetch(RequestKind.START, url, now, keeps_body=True, timeout_s=self.settings.timeout_s)

    def _on_start(self, fetch: Fetch, answer: Answer, now: float) -> list[Command]:
        if fetch.url == self.settings.gateway + "/":
            # The page gives guests the cookie that the next request needs.
            return [self._get_start(now)]
        if answer.status == 401 and not self._cookie:
            page = self.settings.gateway + "/"
            return [Fetch(RequestKind.START, page, now, timeout_s=self.settings.timeout_s)]
        if not answer.is_ok:
            if answer.status >= 500 or isinstance(answer.outcome, Failure):
                return self._again(fetch, answer, now)
            return self._refused(answer, now)
        try:
            started = read_start(answer.body, answer.url, self.settings.format)
        except (ValueError, TypeError) as error:
            return self._end(EndReason.START_FAILED, str(error), now)
        self._started, self.record.session_id = started, started.session_id
        self._alternatives = list(started.others)
        self.telemetry.heartbeats_offered = True
        self.telemetry.content_id = started.content_id
        self._heartbeat_s = now + (started.heartbeat_s or self.settings.heartbeat_s)
        if self.loading is not None:
            self._is_restarting = False
            self.loading.title = self.loading.title.moved_to(started.url)
            return []
        return [self._load_manifest(started.url, now)]

    def _load_manifest(self, url: str, now: float) -> Fetch:
        self.phase = Phase.MANIFEST
        self._top = Fetch(RequestKind.MANIFEST, url, now, keeps_body=True, timeout_s=self.settings.timeout_s)
        self.telemetry.decorate(self._top, None)
        return self._top

    def _on_manifest(self, fetch: Fetch, answer: Answer, now: float) -> list[Command]:
        if not answer.is_ok:
            if answer.status in _REFUSED_AT_START:
                return self._refused(answer, now)
            return self._again(fetch, answer, now)
        self._top_failures = 0
        try:
            presentation = self._reader.presentation(answer.body)
            self._open_title(presentation, answer, now)
        except UnplayableManifest as error:
            return self._end(EndReason.START_FAILED, f"{error}: {answer.url}", now)
        steering = presentation.steering
        if steering is None:
            return []
        self._steering = steering
        self._steering_s = now if steering.before_start or not presentation.dash else now + 1.0
        return []

    def _open_title(self, presentation: Presentation, answer: Answer, now: float) -> None:
        url = without_cmcd(answer.url)
        title = Title.of(presentation, url, self._reader, carries_query=self.settings.carries_query)
        rungs, height = presentation.rungs, self.viewer.device.max_height
        fitting = [
            at for at, rung in enumerate(rungs) if height is None or rung.height is None or rung.height <= height
        ]
        # hls.js expects the first listed rung to be affordable, within bounds.
        expected = min(rungs[presentation.first].bandwidth, 5e6)
        goal_s = self.viewer.device.buffer_goal_s
        self.loading = Loading(
            title=title,
            buffer=self.buffer,
            rule=rule_named(self.settings.abr, goal_s),
            estimate=BandwidthEstimator(max(500e3, expected)),
            settings=self.settings,
            goal_s=goal_s,
            allowed=fitting[-1] if fitting else 0,
        )
        self.loading.open()
        for loader in self.loading.loaders.values():
            loader.free_s = now
        self.buffer.ends = dict.fromkeys(self.loading.loaders, 0.0)
        self._lock(presentation)
        self.telemetry.open(self.telemetry.content_id, dash=presentation.dash)
        self._events_s = now + self.settings.event_interval_s if self.settings.sends_events else None
        self.phase = Phase.PLAYING
        video = title.source(rungs[0]).video
        if len(rungs) == 1 and not presentation.dash and title.playlist_address(video) == url:
            title.store(video, url, url, answer.body, now)
        self._open_buffer()

    def _open_buffer(self) -> None:
        """Choose where to begin, once a video timeline is known: at once in DASH, with the first playlist in HLS."""
        if self.loading is None or self.loading.is_open:
            return
        title = self.loading.title
        videos = (title.timeline(title.source(rung).video) for rung in title.presentation.rungs)
        timeline = next((loaded.timeline for loaded in videos if loaded is not None), None)
        if timeline is None:
            return
        self.loading.is_open = self.telemetry.is_open = True
        if timeline.live:
            start, duration = max(0.0, timeline.end - LIVE_SYNC_SEGMENTS * timeline.target_duration), None
        else:
            wanted = self.viewer.start_position_s
            resume = self._started.resume_s if self._started is not None else 0.0
            # Someone who resumes at the very end starts over, as players do.
            start = wanted if wanted is not None else resume
            start, duration = (start if start < timeline.end - 1.0 else 0.0), timeline.end
        self.buffer.open(tuple(self.loading.loaders), start, duration)

    def _again(self, fetch: Fetch, answer: Answer, now: float) -> list[Command]:
        """The start or the manifest failed: repeat it, at the next edge where one is known."""
        self._top_failures += 1
        if self._top_failures >= self.settings.max_failures:
            detail = f"{fetch.kind.value} failed {self._top_failures} times, last with {answer.outcome}: {fetch.url}"
            return self._fail(detail, answer, now)
        url = fetch.url
        if fetch.kind is RequestKind.MANIFEST and self._alternatives:
            self._alternatives.append(url)
            url = self._alternatives.pop(0)
            self.record.pathway_switches += 1
        delay_s = self.settings.retry_delay_s * 2 ** (self._top_failures - 1)
        due_s = now + min(delay_s, self.settings.max_retry_delay_s)
        self._top_retry = Fetch(fetch.kind, url, due_s, keeps_body=True, timeout_s=fetch.timeout_s)
        return []

    def _retry_top(self, now: float) -> list[Command]:
        again = self._top_retry
        if again is None or again.due_s > now:
            return []
        self._top_retry = None
        if again.kind is RequestKind.MANIFEST:
            self._top = again
        return [again]

    def _refused(self, answer: Answer, now: float) -> list[Command]:
        try:
            found = json.loads(answer.body or b"{}")
        except ValueError:
            found = None
        said = str(found.get("detail") or found.get("title") or "") if isinstance(found, dict) else ""
        return self._fail(f"HTTP {answer.status} {said[:300]}".strip(), answer, now)

    def _lock(self, presentation: Presentation) -> None:
        """An encrypted title waits for its licence, whose request goes out besides the first segments."""
        named = self._started.protection if self._started is not None else None
        protection = named or protection_of(self.settings, presentation.key_ids)
        if protection is not None:
            self._licence = LicenceLoader(protection, self.settings)
            self.buffer.is_locked = True

    def _ask_licence(self, now: float) -> list[Command]:
        try:
            fetch = self._licence.plan(now) if self._licence is not None else None
        except LicenceUnavailable as error:
            return self._end(EndReason.START_FAILED, str(error), now)
        return [fetch] if fetch is not None else []

    def _on_licence(self, licence: LicenceLoader, fetch: Fetch, answer: Answer, now: float) -> list[Command]:
        fatal = licence.on_answer(fetch, answer, now)
        if licence.is_held:
            self.buffer.unlock()
        return self._fail(fatal, answer, now) if fatal is not None else []

    # While it plays

    def _on_media(self, fetch: Fetch, answer: Answer, now: float) -> list[Command]:
        loading = self.loading
        if loading is None or not loading.owns(fetch):
            return []
        if answer.status in _TOKEN_REFUSED:
            if self._may_restart(now):
                self._restarted_s, self._is_restarting = now, True
                return [*loading.drop_requests(now), self._get_start(now)]
            return self._fail(f"HTTP {answer.status}: {fetch.url}", answer, now)
        moves = loading.pathway_moves
        fatal = loading.on_answer(fetch, answer, now)
        self.record.pathway_switches += loading.pathway_moves - moves
        if (fatal is not None or loading.has_no_other_pathway) and self._alternatives:
            return self._move_to_alternative(loading, now)
        if fatal is not None:
            return self._fail(fatal, answer, now)
        if fetch.kind is RequestKind.MANIFEST and fetch.track == VIDEO:
            self._open_buffer()
        return []

    def _may_restart(self, now: float) -> bool:
        recently = self._restarted_s is not None and now < self._restarted_s + RESTART_INTERVAL_S
        return self._started is not None and not recently

    def _move_to_alternative(self, loading: Loading, now: float) -> list[Command]:
        """Continue at another edge that the gateway has named."""
        self.record.pathway_switches += 1
        self._alternatives.append(loading.title.url)
        commands = loading.drop_requests(now)
        loading.title = loading.title.moved_to(self._alternatives.pop(0))
        return commands

    def _fail(self, detail: str, answer: Answer, now: float) -> list[Command]:
        self.telemetry.report_fatal(str(answer.outcome), now)
        if self.record.played_s > 0 or self.buffer.state is not Playback.STARTING:
            return self._end(EndReason.PLAYBACK_FAILED, detail, now)
        refused = answer.status in _REFUSED_AT_START
        return self._end(EndReason.REFUSED if refused else EndReason.START_FAILED, detail, now)

    def _act(self, now: float) -> list[Command]:
        """Seeks and pauses that are due."""
        commands: list[Command] = []
        is_open = self.loading is not None and self.loading.is_open
        while is_open and self._actions and self._actions[0].at_s <= now:
            action = self._actions.pop(0)
            if isinstance(action, Seek):
                before = dict(self.buffer.ends)
                self.buffer.seek(action.to_s)
                if self.loading is not None and self.buffer.ends != before:
                    commands += self.loading.drop_requests(now)
            else:
                self.buffer.pause(action.for_s)
        return commands

    def _leave(self, now: float) -> list[Command]:
        if self.phase is Phase.CLOSING:
            return []
        if self.buffer.state is Playback.ENDED:
            return self._end(EndReason.WATCHED, "", now)
        watch_s, patience_s = self.viewer.watch_s, self.viewer.patience_s
        if watch_s is not None and self.record.played_s >= watch_s - 1e-6:
            return self._end(EndReason.LEFT, "", now)
        if patience_s is not None and self.buffer.waited_s >= patience_s - 1e-6:
            started = self.record.played_s > 0
            return self._end(EndReason.LEFT_WAITING if started else EndReason.EXIT_BEFORE_START, "", now)
        return []

    def _leaving_s(self) -> float | None:
        """When the viewer leaves if nothing changes."""
        watch_s, patience_s = self.viewer.watch_s, self.viewer.patience_s
        if self.buffer.is_moving:
            return None if watch_s is None else self.buffer.now + max(0.0, watch_s - self.record.played_s)
        waiting = self.buffer.state in (Playback.STARTING, Playback.SEEKING, Playback.STALLED)
        return self.buffer.waiting_since + patience_s if waiting and patience_s is not None else None

    def _reports(self, now: float) -> list[Command]:
        """Heartbeats, event batches and steering requests that are due."""
        found: list[Fetch | None] = []
        if self._heartbeat_s is not None and self._heartbeat_s <= now:
            interval = self._started.heartbeat_s if self._started is not None else None
            self._heartbeat_s = now + (interval or self.settings.heartbeat_s)
            found.append(self.telemetry.heartbeat(now))
        if self._events_s is not None and self._events_s <= now:
            self._events_s = now + self.settings.event_interval_s
            found.append(self.telemetry.event_batch(now))
        if self._steering_s is not None and self._steering_s <= now and self._steering is not None:
            self._steering_s = None
            found.append(self._ask_steering(self._steering, now))
        return [fetch for fetch in found if fetch is not None]

    def _ask_steering(self, steering: Steering, now: float) -> Fetch | None:
        if self.loading is None:
            return None
        title, estimate = self.loading.title, self.loading.estimate
        url = steering_request(
            urljoin(title.url, steering.url),
            dash=title.presentation.dash,
            pathway=title.pathways.current,
            throughput_bps=estimate.bps if estimate.can_estimate else None,
        )
        return Fetch(RequestKind.STEERING, url, now, keeps_body=True, timeout_s=self.settings.timeout_s)

    def _on_steering(self, answer: Answer, now: float) -> None:
        if self.loading is None or self._steering is None:
            return
        self._steering_s = now + DEFAULT_TTL_S
        if not answer.is_ok:
            if answer.status == 410:
                self._steering_s = None
            return
        try:
            manifest = read_steering(answer.body)
        except ValueError:
            self.record.errors += 1
            return
        self._steering_s = now + manifest.ttl_s
        if manifest.reload_uri:
            self._steering = self._steering._replace(url=urljoin(answer.url, manifest.reload_uri))
        if self.loading.title.pathways.steer(manifest, now):
            self.record.pathway_switches += 1

    def _end(self, reason: EndReason, detail: str, now: float) -> list[Command]:
        """Leave: abort what is on its way, then send the last reports."""
        self.buffer.close()
        self.record.end, self.record.end_detail = reason, detail
        self.phase = Phase.CLOSING
        commands: list[Command] = [Abort(fetch) for fetch in self._open_fetches]
        self.telemetry.note_changes(now)
        for fetch in (self.telemetry.stop(now), self.telemetry.event_batch(now)):
            if fetch is not None:
                fetch.timeout_s = CLOSING_TIMEOUT_S
                commands.append(fetch)
        return commands
