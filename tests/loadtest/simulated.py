"""A simulated network and CDN for players: time jumps from event to event, the line is shared by the requests on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from loadtest.player.cmcd import without_cmcd
from loadtest.player.player import Player
from loadtest.player.requests import Abort, Answer, Fetch
from loadtest.session import Failure, Tier

STEP_S = 0.05
LADDER = {360: 800_000, 480: 1_600_000, 720: 3_000_000, 1080: 6_000_000}
HOST = "http://cdn.example"


def hls_title(base="/cdn/eu/t/", *, ladder=LADDER, seconds=60, segment_s=4, audio=True, extra=()):
    """path -> body (bytes) or size (int) of a title of equal segments."""
    held, top = {}, ["#EXTM3U", *extra]
    if audio:
        top.append('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="audio/main.m3u8"')
        _rendition(held, f"{base}audio/", seconds, segment_s, 128_000)
    for height, bps in ladder.items():
        group = ',AUDIO="a"' if audio else ""
        top.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={bps},AVERAGE-BANDWIDTH={bps},RESOLUTION={height * 16 // 9}x{height}{group}"
        )
        top.append(f"v{height}/main.m3u8")
        _rendition(held, f"{base}v{height}/", seconds, segment_s, bps)
    held[f"{base}master.m3u8"] = "\n".join(top).encode()
    return held


def _rendition(held, folder, seconds, segment_s, bps):
    lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{segment_s}", '#EXT-X-MAP:URI="init.mp4"']
    held[folder + "init.mp4"] = 1_000
    for number in range(1, seconds // segment_s + 1):
        lines += [f"#EXTINF:{segment_s},", f"{number:05d}.m4s"]
        held[f"{folder}{number:05d}.m4s"] = int(bps * segment_s / 8)
    held[folder + "main.m3u8"] = "\n".join([*lines, "#EXT-X-ENDLIST"]).encode()


@dataclass
class Network:
    """`rate` is bits per second at a time; `fails` may answer a request otherwise than `held` does."""

    held: dict
    rate: Callable[[float], float] = lambda _: 20e6
    latency_s: float = 0.02
    fails: Callable[[Fetch, float], int | Failure | None] = lambda fetch, now: None
    asked: list[Fetch] = field(default_factory=list)
    posted: list[tuple[str, bytes]] = field(default_factory=list)

    def answer(self, fetch: Fetch, now: float) -> tuple[int | Failure, int | bytes, dict]:
        failure = self.fails(fetch, now)
        if failure is not None:
            return failure, 0, {}
        if fetch.body is not None:
            self.posted.append((fetch.url, fetch.body))
        found = self.held.get(urlsplit(without_cmcd(fetch.url)).path)
        if found is None:
            return 404, 0, {}
        if callable(found):
            found = found(fetch, now)
        if isinstance(found, dict):
            found = json.dumps(found).encode()
        if fetch.byte_range is not None and isinstance(found, int):
            found = fetch.byte_range.length
        if fetch.byte_range is not None and isinstance(found, bytes):
            found = found[fetch.byte_range.offset :][: fetch.byte_range.length]
        return 200, found, {}


def play(player: Player, network: Network, *, until_s: float = 600.0, late_s: float = 0.0) -> None:
    """Run a player to its end, or until `until_s`. `late_s`: the driver calls timers so much too late."""
    now, on_line = 0.0, {}

    def carry_out(commands):
        for command in commands:
            if isinstance(command, Abort):
                on_line.pop(command.fetch, None)
                continue
            network.asked.append(command)
            status, found, headers = network.answer(command, now)
            size = found if isinstance(found, int) else len(found)
            command.sent_s, command.size = now, size
            on_line[command] = (status, found, headers)

    carry_out(player.begin(now))
    while not player.is_over and now < until_s:
        wake_s = player.wake_s
        ends = [_end_of(fetch, len(on_line), network, now) for fetch in on_line]
        step_to = min([now + STEP_S, *ends, *([max(now, wake_s + late_s)] if wake_s is not None else [])])
        busy = [fetch for fetch in on_line if now >= fetch.sent_s + network.latency_s]
        for fetch in busy:
            fetch.first_byte_s = fetch.first_byte_s or now
            share = network.rate(now) / len(busy) * (step_to - now) / 8
            fetch.loaded = min(fetch.size, fetch.loaded + share)
        now = max(step_to, now + 1e-6)
        for fetch in [one for one in busy if one.loaded >= one.size - 1]:
            if fetch not in on_line:
                continue  # the answer before made the player give this one up
            status, found, headers = on_line.pop(fetch)
            fetch.loaded = fetch.size
            body = found if isinstance(found, bytes) and fetch.keeps_body else b""
            total_s = now - fetch.sent_s
            ttfb_s = fetch.first_byte_s - fetch.sent_s
            answer = Answer(status, fetch.url, fetch.size, body, headers, Tier.EDGE, "e1", ttfb_s, total_s)
            carry_out(player.on_answer(fetch, answer, now))
        if player.wake_s is not None and player.wake_s + late_s <= now:
            carry_out(player.on_timer(now))
    if not player.is_over:
        carry_out(player.stop(now))


def _end_of(fetch, sharing, network, now):
    if now < fetch.sent_s + network.latency_s:
        return fetch.sent_s + network.latency_s
    return now + (fetch.size - fetch.loaded) * 8 / network.rate(now) * sharing
