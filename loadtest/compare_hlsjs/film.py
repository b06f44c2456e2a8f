"""A film of steady bit rates and small pictures, made by ffmpeg: a browser on a busy machine decodes it easily."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUNGS = {500_000: "256x144", 1_200_000: "384x216", 2_500_000: "512x288", 5_000_000: "640x360"}
AUDIO_BPS = 96_000
SEGMENT_S = 4
FPS = 25


def commands(ffmpeg: str, folder: Path, seconds: int) -> Iterator[list[str]]:
    """One ffmpeg command for each rendition; the encoder pads to its rate."""
    hls = ["-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"]
    hls += ["-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename"]
    start = [ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i"]
    for bps, size in RUNGS.items():
        rate = str(bps - AUDIO_BPS)
        video = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"]
        video += ["-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, "-x264-params", "nal-hrd=cbr"]
        video += ["-g", str(FPS * SEGMENT_S), "-keyint_min", str(FPS * SEGMENT_S), "-sc_threshold", "0"]
        out = folder / f"v{bps}"
        out.mkdir(parents=True, exist_ok=True)
        source = f"testsrc2=size={size}:rate={FPS}"
        yield [*start, source, "-t", str(seconds), *video, *hls, str(out / "%05d.m4s"), str(out / "main.m3u8")]
    out = folder / "audio"
    out.mkdir(parents=True, exist_ok=True)
    sound = ["-c:a", "aac", "-b:a", str(AUDIO_BPS)]
    # A little shorter, or rounding makes a last segment of one frame.
    yield [
        *start, "sine=frequency=440:sample_rate=48000", "-t", str(seconds - 0.1), *sound, *hls,
        str(out / "%05d.m4s"), str(out / "main.m3u8"),
    ]  # fmt: skip


def make_film(ffmpeg: str, folder: Path, seconds: int) -> None:
    """Write renditions and `master.m3u8` into the folder. Raises CalledProcessError."""
    for command in commands(ffmpeg, folder, seconds):
        subprocess.run(command, check=True, timeout=300)
    lines = [
        "#EXTM3U",
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,AUTOSELECT=YES,URI="audio/main.m3u8"',
    ]
    for bps, size in RUNGS.items():
        codecs = 'CODECS="avc1.42c01e,mp4a.40.2"'
        lines.append(f'#EXT-X-STREAM-INF:BANDWIDTH={bps},RESOLUTION={size},{codecs},FRAME-RATE={FPS},AUDIO="a"')
        lines.append(f"v{bps}/main.m3u8")
    (folder / "master.m3u8").write_text("\n".join(lines) + "\n")


@contextmanager
def page_in(folder: Path, hls_js: Path) -> Iterator[None]:
    """The page and hls.js besides the film, while it is needed."""
    (folder / "hls.js").write_bytes(hls_js.read_bytes())
    (folder / "index.html").write_text(PAGE)
    yield


PAGE = """<!doctype html><video id="v" muted playsinline width="320"></video><script src="hls.js"></script><script>
const seen = {startupMs: null, stalledMs: 0, stalls: 0, played: 0, switches: 0, rungs: {}, errors: [], done: false};
function watch(seconds, url) {
  const video = document.getElementById("v"), hls = new Hls({enableWorker: true});
  const began = performance.now();
  let waiting = null, shown = null, last = null;
  const settle = () => {  // seconds on screen of the rung that is shown
    const now = video.currentTime;
    if (shown !== null && last !== null && now > last) seen.rungs[shown] = (seen.rungs[shown] || 0) + now - last;
    last = now; seen.played = now;
  };
  hls.on(Hls.Events.ERROR, (_, e) => { if (e.fatal) { seen.errors.push(e.details); seen.done = true; } });
  hls.on(Hls.Events.FRAG_CHANGED, (_, {frag}) => {
    if (frag.type !== "main") return;
    settle();
    const bps = hls.levels[frag.level].bitrate;
    if (shown !== null && bps !== shown) seen.switches += 1;
    shown = bps;
  });
  video.addEventListener("playing", () => {
    if (seen.startupMs === null) seen.startupMs = performance.now() - began;
    if (waiting !== null) { seen.stalledMs += performance.now() - waiting; seen.stalls += 1; waiting = null; }
  });
  video.addEventListener("waiting", () => {
    if (seen.startupMs !== null && waiting === null) waiting = performance.now();
  });
  const timer = setInterval(() => {
    settle();
    if (video.currentTime < seconds && !video.ended && !seen.done) return;
    clearInterval(timer); settle(); seen.done = true; hls.destroy();
  }, 50);
  hls.loadSource(url); hls.attachMedia(video); video.play();
}
</script>"""
