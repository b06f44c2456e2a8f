"""The blend: each model's opinion of each title, made comparable by its mean and spread, and added up by weight.

Training and serving compute scores by the same code, so that the weights chosen in one are right in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.recommend.models.content import ContentModel
from services.recommend.models.ials import IalsParameters, base_matrix, fold_in
from services.recommend.models.interactions import Doubles, Floats, Indices, ages
from services.recommend.models.top_weights import TitleWeights, rows_of
from services.recommend.vocabulary import COMPONENTS

RECENT_HALF_LIFE = 5.0
"""Titles of a viewer after which an older one counts half, in `ease_recent`."""
NEXT_HALF_LIFE = 2.0
"""The same in `successors`."""
MAX_HISTORY = 1_000
"""A viewer's latest titles that are used."""


@dataclass(frozen=True)
class History:
    """What a viewer watched, as numbers of the model's items, with weights over 0; `age`: 0 for the latest one."""

    items: Indices
    weights: Floats
    age: Doubles

    def __len__(self) -> int:
        return len(self.items)


def make_history(items: Indices, weights: Floats, at: Doubles) -> History:
    """The history of the latest MAX_HISTORY of these, whatever their order; `at` in Unix seconds."""
    order = np.lexsort((items, at))[-MAX_HISTORY:]
    return History(items[order], weights[order], ages(np.zeros(len(order), np.int32), at[order]))


@dataclass(frozen=True)
class FittedModel:
    """What training makes. `items` are contentIds; `viewers` and `factors` have a row for each of them."""

    items: Sequence[str]
    viewers: Floats
    ease: TitleWeights
    successors: TitleWeights
    factors: Floats
    ials: IalsParameters
    weights: Mapping[str, float]
    content: ContentModel | None = None

    @cached_property
    def base(self) -> Floats:
        """The part of the viewers' equations that all share."""
        return base_matrix(self.factors[self.viewers > 0], self.ials)

    @cached_property
    def watched(self) -> int:
        """How many of the items anybody watched."""
        return int((self.viewers > 0).sum())

    @cached_property
    def number_of(self) -> Mapping[str, int]:
        """The number of each item."""
        return {item: number for number, item in enumerate(self.items)}


@dataclass(frozen=True)
class Pool:
    """The titles that a list is chosen from, with what the models hold of them side by side."""

    ease: Indices
    """Rows of `FittedModel.ease`."""
    successors: Indices
    factors: Floats
    popularity: Floats
    """The logarithm of the number of viewers."""

    def __len__(self) -> int:
        return len(self.popularity)

    def part(self, columns: Indices) -> Pool:
        """The pool of some of its titles."""
        return Pool(self.ease[columns], self.successors[columns], self.factors[columns], self.popularity[columns])


def make_pool(model: FittedModel, items: Indices, factors: Floats | None = None) -> Pool:
    """The pool of these items by number; -1 for a title that the model does not know, whose `factors` must be given."""
    known = items >= 0
    viewers = np.zeros(len(items), np.float32)
    viewers[known] = model.viewers[items[known]]
    if factors is None:
        factors = model.factors[items]
    return Pool(
        rows_of(model.ease.titles, items),
        rows_of(model.successors.titles, items),
        np.ascontiguousarray(factors),
        np.log1p(viewers),
    )


def viewer_factors(model: FittedModel, history: History) -> Floats:
    """A viewer's iALS factors, folded in from what they watched."""
    # A title that nobody watched before has factors from its content, which is better than nothing.
    return fold_in(model.base, model.factors, history.items, history.weights, model.ials, model.watched)


def component_scores(
    model: FittedModel,
    history: History,
    pool: Pool,
    names: Sequence[str] = COMPONENTS,
    checkpoint: Callable[[], object] = lambda: None,
) -> Floats:
    """One row for each of `names`, one column for each title of the pool; each with mean 0 and spread 1 (or all 0).

    `checkpoint` is called before each of them, and may raise.
    """
    found = np.empty((len(names), len(pool)), np.float32)
    ease_rows = rows_of(model.ease.titles, history.items) if "ease" in names or "ease_recent" in names else None
    for row, name in enumerate(names):
        checkpoint()
        if name == "ease" and ease_rows is not None:
            found[row] = model.ease.scores(ease_rows, history.weights)[pool.ease]
        elif name == "ease_recent" and ease_rows is not None:
            recent = history.weights * np.exp2(-history.age / RECENT_HALF_LIFE).astype(np.float32)
            found[row] = model.ease.scores(ease_rows, recent)[pool.ease]
        elif name == "successors":
            next_rows = rows_of(model.successors.titles, history.items)
            recent = history.weights * np.exp2(-history.age / NEXT_HALF_LIFE).astype(np.float32)
            found[row] = model.successors.scores(next_rows, recent)[pool.successors]
        elif name == "ials":
            found[row] = pool.factors @ viewer_factors(model, history)
        else:
            found[row] = pool.popularity
    return normalise_rows(found)


def normalise_rows(found: Floats) -> Floats:
    """Each row with mean 0 and spread 1; a row without spread becomes 0."""
    found -= found.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", found, found) / max(1, found.shape[1]))[:, None]
    normal: Floats = np.divide(found, spread, out=np.zeros_like(found), where=spread > 1e-12)
    return normal


def blend_scores(
    model: FittedModel,
    history: History,
    pool: Pool,
    checkpoint: Callable[[], object] = lambda: None,
    weights: Mapping[str, float] | None = None,
) -> NDArray[np.float32]:
    """The score of each title of the pool for a viewer, the larger the better; `checkpoint` as in component_scores.

    `weights` None = the model's own.
    """
    weighed = model.weights if weights is None else weights
    names = [name for name in COMPONENTS if weighed.get(name)]
    shares = np.array([weighed[name] for name in names], np.float32)
    return np.asarray(shares @ component_scores(model, history, pool, names, checkpoint), dtype=np.float32)
