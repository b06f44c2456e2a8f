"""The per-title ladder: probe encodes of a few places of the film choose each rung's rate by the quality it reaches.

A talking head needs a third of the bits of a football match. Each rung is encoded at three qualities, and compared at
the size of the screen with the source; the CRF that reaches the wanted quality, between them, is that of the title.
Rungs that look no better than a cheaper one are left out: the ladder follows the convex hull.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from kernel.errors import Bug
from origin.encode.ffmpeg_call import part_of
from origin.encode.plan import Chunk, EncodePlan, RungRate, VideoRung
from origin.encode.source import Dynamic
from origin.encode.video import encode_chunk
from origin.ingest.decoders import choose_ffmpeg, has_filter
from origin.ingest.subprocesses import ProgramFailed, Programs, run_program, telling_line

SAMPLES, SAMPLE_SECONDS = 4, 2.0
"""Places of the film, and the length of each."""
CRF_STEPS = (-4.0, 0.0, 6.0)
"""Around the plan's CRF."""
WANTED_LOSS = {"vmaf": 6.0, "ssim": 1.2}
"""Points below the best that a rung can be: what viewers hardly see (VMAF: a just noticeable difference)."""
LEAST_GAIN = {"vmaf": 2.0, "ssim": 0.3}
"""Points that a rung must look better than the one below to be worth its bits."""
_PEAK_FACTOR = 1.6
"""Of the peak over the mean rate of the samples."""
_VMAF = re.compile(r"VMAF score: ([\d.]++)")
_SSIM = re.compile(r"All:([\d.]++)")


@dataclass(frozen=True, slots=True)
class Trial:
    """One quality of one rung: mean bit/s of the samples, and their quality."""

    crf: float
    rate: float
    quality: float


def probe_rates(
    programs: Programs, plan: EncodePlan, source: Path, folder: Path, threads: int = 0
) -> tuple[RungRate, ...]:
    """The rates for `with_rates`, measured by encoding to `folder`; those of the plan if it is not `per_title`.

    HDR rungs keep the rates of the ladder: neither VMAF nor SSIM is made for PQ and HLG. Raises BadRequest, Bug.
    """
    fixed = tuple(RungRate(rung.name, rung.crf, rung.peak, rung.peak, 0.0) for rung in plan.rungs)
    if not plan.per_title:
        return fixed
    work = part_of(folder / "rates")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        found: list[RungRate] = []
        for rungs in plan.groups():
            if rungs[0].dynamic is Dynamic.SDR:
                found += _group_rates(programs, plan, rungs, source, work, threads)
            else:
                found += [rate for rate in fixed if rate.rung in {rung.name for rung in rungs}]
        return tuple(found)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _group_rates(
    programs: Programs, plan: EncodePlan, rungs: Sequence[VideoRung], source: Path, work: Path, threads: int
) -> list[RungRate]:
    meter = next((one for one in (programs.ffmpeg, *programs.others) if has_filter(one, "libvmaf")), None)
    scale = "vmaf" if meter else "ssim"
    samples = sample_chunks(plan)
    reference = msgspec.structs.replace(rungs[-1], name="reference", crf=8.0, peak=200_000_000, buffer=400_000_000)
    references = [_encode(programs, plan, [reference], chunk, source, work, threads)[0] for chunk in samples]
    trials: dict[str, list[Trial]] = {rung.name: [] for rung in rungs}
    for step in CRF_STEPS:
        tried = [msgspec.structs.replace(rung, crf=rung.crf + step) for rung in rungs]
        files = [_encode(programs, plan, tried, chunk, source, work, threads) for chunk in samples]
        for index, rung in enumerate(tried):
            own = [made[index] for made in files]
            ffmpeg = meter or choose_ffmpeg(programs, str(rung.codec))
            scores = [
                measure_quality(ffmpeg, scale, one, other, reference)
                for one, other in zip(own, references, strict=True)
            ]
            seconds = sum(plan.rate.seconds(chunk.frames) for chunk in samples)
            rate = 8 * sum(file.stat().st_size for file in own) / seconds
            trials[rung.name].append(Trial(rung.crf, rate, sum(scores) / len(scores)))
    return choose_rates(rungs, trials, scale)


def _encode(
    programs: Programs,
    plan: EncodePlan,
    rungs: Sequence[VideoRung],
    chunk: Chunk,
    source: Path,
    work: Path,
    threads: int,
) -> list[Path]:
    """Encode a sample; its files get the CRF in their names, so that trials do not meet."""
    folder = work / f"crf{rungs[0].crf:g}"
    folder.mkdir(exist_ok=True)
    return list(encode_chunk(programs, plan, rungs, chunk, source, folder, lambda _: None, threads))


def sample_chunks(plan: EncodePlan) -> tuple[Chunk, ...]:
    """Short runs of frames spread over the film, away from its titles and credits; the whole of a short film.

    A source that cannot be sought is sampled at its start.
    """
    length = max(1, round(SAMPLE_SECONDS * plan.rate.fraction))
    if plan.frames <= SAMPLES * length:
        return (Chunk(0, 0, plan.frames),)
    if not plan.source.seekable:
        return (Chunk(0, 0, SAMPLES * length),)
    first, last = round(plan.frames * 0.1), round(plan.frames * 0.9) - length
    step = (last - first) / (SAMPLES - 1)
    return tuple(Chunk(index, max(0, round(first + index * step)), length) for index in range(SAMPLES))


def measure_quality(ffmpeg: str, scale: str, file: Path, reference: Path, size: VideoRung) -> float:
    """VMAF, or SSIM in hundredths, of a file scaled to the size of the reference. Raises Bug."""
    compare = "libvmaf=n_threads=2:n_subsample=3" if scale == "vmaf" else "ssim"
    graph = f"[0:v]scale={size.width}:{size.height}:flags=bicubic,setsar=1[d];[1:v]setsar=1[r];[d][r]{compare}"
    arguments = ["-nostdin", "-hide_banner", "-nostats", "-i", f"file:{file.absolute()}", "-i"]
    arguments += [f"file:{reference.absolute()}", "-lavfi", graph, "-f", "null", "-"]
    try:
        _, errors = run_program(ffmpeg, arguments)
    except ProgramFailed as failed:
        raise Bug(f"the quality of {file.name} could not be measured: {telling_line(failed.errors)}") from None
    found = (_VMAF if scale == "vmaf" else _SSIM).findall(errors)
    if not found:
        raise Bug(f"the quality of {file.name} could not be measured: ffmpeg told no score")
    return float(found[-1]) if scale == "vmaf" else 100 * float(found[-1])


def choose_rates(rungs: Sequence[VideoRung], trials: dict[str, list[Trial]], scale: str) -> list[RungRate]:
    """The rates of a group, lowest first: none above the ladder's peak, none that looks no better than the one below.

    The lowest and the highest rung stay: one for poor networks, one for those who chose that quality.
    """
    kept: list[RungRate] = []
    for rung in rungs:
        chosen = choose_trial(trials[rung.name], WANTED_LOSS[scale])
        rate = RungRate(
            rung=rung.name,
            crf=round(chosen.crf, 1),
            peak=min(rung.peak, max(100_000, round(chosen.rate * _PEAK_FACTOR / 1000) * 1000)),
            average=round(chosen.rate),
            quality=round(chosen.quality, 2),
        )
        if rung is rungs[-1]:
            while len(kept) > 1 and rate.quality - kept[-1].quality < LEAST_GAIN[scale]:
                kept.pop()
        elif kept and rate.quality - kept[-1].quality < LEAST_GAIN[scale]:
            continue
        kept.append(rate)
    return kept


def choose_trial(trials: Sequence[Trial], loss: float) -> Trial:
    """The highest CRF, between the trials, whose quality is within `loss` of the best trial's."""
    ordered = sorted(trials, key=lambda trial: trial.crf)
    least = ordered[0].quality - loss
    for better, worse in pairwise(ordered):
        if worse.quality < least:
            share = (better.quality - least) / (better.quality - worse.quality)
            return Trial(
                better.crf + share * (worse.crf - better.crf),
                # Rates fall geometrically with the CRF.
                better.rate * (worse.rate / better.rate) ** share,
                least,
            )
    return ordered[-1]
