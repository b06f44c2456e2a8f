"""One training: read, fit, judge against the model that is served, write, and publish if it is no worse."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import structlog

from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.recommend.marks import UserMarkRow
from services.recommend.models.blend import FittedModel
from services.recommend.models.interactions import Interactions
from services.recommend.store import FeedbackStore
from services.recommend.titles import TitleText
from services.recommend.training.artefact import Artefact, Manifest, TrendHead, load_artefact, write_artefact
from services.recommend.training.dataset import read_interactions
from services.recommend.training.holdout import hold_out
from services.recommend.training.trainer import Trained, Trainer, TrainingLimits, judge_model
from services.recommend.training.tuning import make_exam, worth
from services.recommend.training.versions import ModelVersions, VersionRow

MIN_JUDGED = 100
"""Viewers with something new on whom a new model must not be worse than the served one."""
TOLERANCE = 0.9
"""The share of the served model's worth that the new one must reach: less than this is no chance any more."""

log = structlog.get_logger()


async def train_once(
    store: FeedbackStore,
    titles: Mapping[str, TitleText],
    versions: ModelVersions,
    clock: Clock,
    trainer: Trainer,
    limits: TrainingLimits,
    report: Callable[[str], object] = lambda _: None,
    series: Mapping[str, str] | None = None,
    *,
    reads_marks: bool = True,
) -> VersionRow:
    """Train and publish; `series` names the series of each episode and season.

    `reads_marks` is False for a trainer that reads the marks elsewhere.

    Raises StorageFailed if another process trains, or if something cannot be read or written.
    """
    started = clock.mono()
    with versions.training():
        cursor, erasures = await store.head(), await store.fact("erasures")
        report("reading the marks")
        marks = store.read_all_marks() if reads_marks else _nothing()
        found = await read_interactions(marks, titles, series)
        trained = trainer.train(found, titles, limits)
        found = found if trained.sample is None else trained.sample
        served = _load_served(versions, report)
        is_comparable = served is not None and served.manifest.erasures >= erasures
        why = judge_against(served, trained, found, limits) if served is not None and is_comparable else ""
        manifest = _manifest(trained, found, limits, clock.wall(), cursor, erasures, clock.mono() - started)
        report("writing the artefact")
        row = _row(manifest, why)
        try:
            write_artefact(versions.path_of(manifest.version), manifest, trained.model, trained.trends)
            _record(versions, row, erasures)
        except OSError as error:
            raise StorageFailed(f"the model cannot be written to {versions.folder}: {error}") from error
    return row


def _record(versions: ModelVersions, row: VersionRow, erasures: int) -> None:
    if row.published:
        versions.publish(row.version)
    versions.add_row(row)
    versions.delete_old(erasures)


async def _nothing() -> AsyncIterator[Sequence[UserMarkRow]]:
    none: tuple[Sequence[UserMarkRow], ...] = ()
    for batch in none:
        yield batch


def _load_served(versions: ModelVersions, report: Callable[[str], object]) -> Artefact | None:
    current = versions.current()
    if current is None:
        return None
    try:
        return load_artefact(versions.path_of(current))
    except StorageFailed as error:
        report(f"the served model cannot be compared with: {error}")
        return None


def judge_against(served: Artefact, trained: Trained, found: Interactions, limits: TrainingLimits) -> str:
    """Why the new model must not replace the served one; "" where it may.

    Both are asked for what viewers did after the served one was trained: `trained.draft` has not seen it either.
    """
    holdout = hold_out(found, limits.judged_viewers, limits.seed)
    newer = holdout.held & (found.at > served.manifest.until)
    if not holdout.ordered or trained.draft is None or len(np.unique(found.user[newer])) < MIN_JUDGED:
        return ""
    exam = make_exam(found, replace(holdout, held=newer), limits.judged_viewers)
    old = worth(judge_model(align_model(served.model, found.items), exam))
    new = worth(judge_model(trained.draft, exam))
    if new >= TOLERANCE * old:
        return ""
    return f"its lists are worth {new:.4f} on what viewers watched since, the served model's {old:.4f}"


def align_model(model: FittedModel, items: Sequence[str]) -> FittedModel:
    """The same model with its items numbered as `items` are; items that it does not know have nothing."""
    old = np.array([model.number_of.get(item, -1) for item in items], dtype=np.int64)
    known = old >= 0
    new_of = np.full(len(model.items), -1, np.int64)
    new_of[old[known]] = np.flatnonzero(known)
    viewers = np.zeros(len(items), np.float32)
    factors = np.zeros((len(items), model.factors.shape[1]), np.float32)
    viewers[known], factors[known] = model.viewers[old[known]], model.factors[old[known]]
    ease, successors = _Renumbered(model.ease, new_of), _Renumbered(model.successors, new_of)
    return replace(model, items=items, viewers=viewers, factors=factors, ease=ease, successors=successors)


class _Renumbered:
    """Title-to-title weights whose titles have other numbers in the model; unknown ones have none."""

    def __init__(self, weights: Any, new_of: Any) -> None:
        numbers = new_of[weights.titles]
        order = np.argsort(numbers, kind="stable")
        order = order[numbers[order] >= 0]
        self.titles = numbers[order].astype(np.int32)
        self._row = np.append(order, len(weights.titles)).astype(np.int32)
        self._weights = weights

    def scores(self, rows: Any, weights: Any) -> Any:
        """See TitleWeights."""
        return self._weights.scores(self._row[rows], weights)[self._row]


def _manifest(
    trained: Trained, found: Interactions, limits: TrainingLimits, now: float, cursor: int, erasures: int, took: float
) -> Manifest:
    moment = datetime.fromtimestamp(now, UTC)
    unique = hashlib.blake2b(f"{now!r} {cursor} {erasures} {len(found)}".encode(), digest_size=4).hexdigest()
    heads = {
        country: TrendHead(row, trend.at, trend.half_life)
        for row, (country, trend) in enumerate(trained.trends.items())
    }
    return Manifest(
        version=f"{moment:%Y%m%dT%H%M%S}-{unique}",
        made=now,
        seed=limits.seed,
        interactions=len(found),
        viewers=len(found.users),
        titles=len(found.items),
        cursor=cursor,
        erasures=erasures,
        until=float(found.at.max(initial=0.0)),
        weights=dict(trained.model.weights),
        ials=asdict(trained.model.ials),
        trends=heads,
        metrics=dict(trained.metrics),
        parameters={name: asdict(one) if is_dataclass(one) else one for name, one in trained.parameters.items()},  # type: ignore[arg-type]
        seconds=round(took, 3),
        files={},
    )


def _row(manifest: Manifest, why: str) -> VersionRow:
    return VersionRow(
        manifest.version, manifest.made, not why, manifest.interactions, manifest.viewers, manifest.titles,
        manifest.seconds, manifest.metrics, why,
    )  # fmt: skip
