"""The steps of a job and what each needs: a graph made from the plan of the encoding. Pure.

    receive → probe → video chunks → join (a rung) ─┬→ check ──────┐
                    → audio tracks ─────────────────┤              ├→ package → verify → publish → announce
                    → text tracks ──────────────────┴→ thumbnails ─┘

`receive` and `probe` are there from the start; `probe` makes the plan, and with it the other steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec


class StepKind(StrEnum):
    """What a step does."""

    RECEIVE = "receive"
    PROBE = "probe"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    SIDECAR = "sidecar"
    JOIN = "join"
    CHECK = "check"
    THUMBNAILS = "thumbnails"
    PACKAGE = "package"
    VERIFY = "verify"
    PUBLISH = "publish"
    ANNOUNCE = "announce"


STEP_SENTENCES = {
    StepKind.RECEIVE: "Fetch the film where it is elsewhere, hash it, check the limits, keep it as the master.",
    StepKind.PROBE: "Read the streams of the film and plan the encoding, with bitrates by quality where asked for.",
    StepKind.VIDEO: "Encode one chunk of one rendition.",
    StepKind.AUDIO: "Encode one audio track.",
    StepKind.TEXT: "Convert one subtitle track to WebVTT.",
    StepKind.SIDECAR: "Convert one subtitle file that came with the film to WebVTT.",
    StepKind.JOIN: "Join the chunks of one rendition.",
    StepKind.CHECK: "Compare what was encoded with the film and the renditions with one another.",
    StepKind.THUMBNAILS: "Make the pictures of the seek bar.",
    StepKind.PACKAGE: "Write segments, playlists and the manifest, encrypted where asked for.",
    StepKind.VERIFY: "Verify every file of the package.",
    StepKind.PUBLISH: "Store the files, then make the publication the current one.",
    StepKind.ANNOUNCE: "Tell the catalogue and control.",
}
"""What each kind of step does; docs/job-states.md is generated from it."""

REMOTE_KINDS = frozenset((StepKind.VIDEO, StepKind.AUDIO, StepKind.TEXT))
"""Steps that need the film and the plan only, so that a worker on any host can run them."""

OPTIONAL_KINDS = frozenset((StepKind.ANNOUNCE,))
"""Steps whose failure leaves the title published."""

_FIRST_WEIGHTS = {StepKind.RECEIVE: 2.0, StepKind.PROBE: 1.0}
_JOIN_WEIGHT, _TAIL_WEIGHT = 1.0, 2.0
"""Weights relative to the encoding's 100: of all joins together, and of each step after them."""


class Step(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One step: `needs` are ids of steps that must be done first; `weight` is its share of the job's work.

    `track` is the name of a group of renditions (video), a rendition (join), an audio or a text track; `chunk` the
    index of a chunk of the plan.
    """

    id: str
    kind: StepKind
    needs: tuple[str, ...] = ()
    weight: float = 1.0
    track: str = ""
    chunk: int = -1


class Named(Protocol):
    """A track of the plan."""

    @property
    def name(self) -> str: ...  # noqa: D102 (the class says it)


class Subtitle(Named, Protocol):
    """A subtitle of the plan: `sidecar` names the file that it is in, "" for the film."""

    @property
    def sidecar(self) -> str: ...  # noqa: D102


class Picture(Named, Protocol):
    """A rendition of the plan: its size in pixels."""

    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def group(self) -> str: ...  # noqa: D102


class Frames(Protocol):
    """A chunk of the plan: its length in frames."""

    @property
    def frames(self) -> int: ...  # noqa: D102


class PlanShape(Protocol):
    """The parts of an `EncodePlan` that decide the graph. One call encodes a chunk for all rungs of a group."""

    @property
    def chunks(self) -> Sequence[Frames]: ...  # noqa: D102
    @property
    def rungs(self) -> Sequence[Picture]: ...  # noqa: D102
    @property
    def audio(self) -> Sequence[Named]: ...  # noqa: D102
    @property
    def text(self) -> Sequence[Subtitle]: ...  # noqa: D102


def first_steps() -> tuple[Step, ...]:
    """The steps that every job starts with."""
    receive, probe = StepKind.RECEIVE, StepKind.PROBE
    return (
        Step(receive, receive, weight=_FIRST_WEIGHTS[receive]),
        Step(probe, probe, (receive,), _FIRST_WEIGHTS[probe]),
    )


def job_steps(plan: PlanShape) -> tuple[Step, ...]:
    """The steps that follow from a plan, in the order in which a single worker runs them.

    Whole tracks come first, since they cannot be shared out at the end. The weights of the encoding add up to 100.
    """
    probed = (str(StepKind.PROBE),)
    audio = [Step(f"audio/{one.name}", StepKind.AUDIO, probed, 4 / len(plan.audio), one.name) for one in plan.audio]
    text = [Step(text_step(one), _text_kind(one), probed, 1 / len(plan.text), one.name) for one in plan.text]
    video = _video_steps(plan)
    share = _JOIN_WEIGHT / (len(plan.rungs) or 1)
    joins = [Step(f"join/{rung.name}", StepKind.JOIN, _ids(video, rung.group), share, rung.name) for rung in plan.rungs]
    return (*audio, *text, *video, *joins, *_last_steps(_ids((*joins, *audio, *text))))


def text_step(track: Subtitle) -> str:
    """The id of the step that makes a subtitle."""
    return f"{_text_kind(track)}/{track.name}"


def _text_kind(track: Subtitle) -> StepKind:
    return StepKind.SIDECAR if track.sidecar else StepKind.TEXT


def _video_steps(plan: PlanShape) -> list[Step]:
    """A step for each chunk and group; the weight follows the pixels to encode."""
    pixels: dict[str, int] = {}
    for rung in plan.rungs:
        pixels[rung.group] = pixels.get(rung.group, 0) + rung.width * rung.height
    whole = sum(chunk.frames for chunk in plan.chunks) * sum(pixels.values()) or 1
    probed = (str(StepKind.PROBE),)
    return [
        Step(f"video/{group}/{at:04d}", StepKind.VIDEO, probed, 95 * chunk.frames * area / whole, group, at)
        for at, chunk in enumerate(plan.chunks)
        for group, area in pixels.items()
    ]


def _ids(steps: Sequence[Step], track: str | None = None) -> tuple[str, ...]:
    return tuple(step.id for step in steps if track is None or step.track == track)


def _last_steps(encoded: tuple[str, ...]) -> tuple[Step, ...]:
    steps = [Step(kind, kind, encoded, _TAIL_WEIGHT) for kind in (StepKind.CHECK, StepKind.THUMBNAILS)]
    needed: tuple[str, ...] = (StepKind.CHECK, StepKind.THUMBNAILS)
    for kind in (StepKind.PACKAGE, StepKind.VERIFY, StepKind.PUBLISH, StepKind.ANNOUNCE):
        steps.append(Step(kind, kind, needed, _TAIL_WEIGHT if kind is not StepKind.ANNOUNCE else 0.1))
        needed = (kind,)
    return tuple(steps)
