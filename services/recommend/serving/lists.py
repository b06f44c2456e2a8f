"""One viewer's list from a set of candidates: what is theirs first, then what is watched, then what they know. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from services.recommend.models.blend import MAX_HISTORY, FittedModel, History, blend_scores, make_history
from services.recommend.models.interactions import Floats, Indices
from services.recommend.models.top_weights import rows_of
from services.recommend.serving.candidates import CandidateSet
from services.recommend.serving.title_table import TitleTable
from services.recommend.serving.viewer_states import ViewerState
from services.recommend.titles import Audience

PERSONAL, SEEN = 3.0, 0.0
"""The base of each kind of rankScore, whose values lie within 1 above; trends have 2, the rest of the catalogue 1."""
Ranked = list[tuple[int, float]]
"""(position, rankScore), best first."""


def viewer_history(model: FittedModel, state: ViewerState) -> History:
    """What of a viewer's titles the model knows."""
    number_of = model.number_of
    numbers = np.fromiter((number_of.get(one, -1) for one in state.liked[:MAX_HISTORY]), np.int32)
    known = numbers >= 0
    return make_history(numbers[known], state.weights[: len(numbers)][known], state.at[: len(numbers)][known])


@dataclass(frozen=True)
class ListMaker:
    """Makes the lists of one viewer in one audience."""

    table: TitleTable
    candidates: CandidateSet
    audience: Audience
    state: ViewerState

    def personal_scores(
        self,
        model: FittedModel,
        checkpoint: Callable[[], object] = lambda: None,
        weights: Mapping[str, float] | None = None,
    ) -> Floats | None:
        """The blend's score of each candidate; None where the model knows nothing of the viewer.

        `checkpoint` is called between the steps, and may raise. `weights` None = the model's own.
        """
        history = viewer_history(model, self.state)
        pool = self.candidates.pool
        if not len(history) or pool is None or not len(pool) or not model.weights:
            return None
        scores = blend_scores(model, history, pool, checkpoint, weights)
        scores[self._columns(self.state.seen)] = -np.inf
        scores[self._columns(self.state.disliked)] = -np.inf
        return scores

    def _columns(self, content_ids: Collection[str]) -> Indices:
        column = self.candidates.column
        positions = self.table.positions_of(content_ids)
        columns = column[positions[(positions >= 0) & (positions < len(column))]]
        return columns[columns >= 0]

    def personal(self, scores: Floats, limit: int) -> Ranked:
        """The best candidates by their scores."""
        # Some may have lost their licence since the set was made: look at a few more than are asked for.
        best = top_columns(scores, limit + 20)
        squashed = PERSONAL + 0.999 / (1.0 + np.exp(-np.clip(scores[best], -15, 15) / 2))
        found = zip(self.candidates.positions[best].tolist(), squashed.tolist(), strict=True)
        return self._shown(found, limit)

    def trending(self, limit: int, hidden: Collection[int] = ()) -> Ranked:
        """What the audience's country watches, then what is popular; without what the viewer knows and `hidden`."""
        found = self.candidates
        known = {*self._positions(self.state.seen), *self._positions(self.state.disliked), *hidden}
        pairs = zip(found.order.tolist(), found.order_scores.tolist(), strict=True)
        return self._shown(((at, score) for at, score in pairs if at not in known), limit)

    def known(self, limit: int) -> Ranked:
        """What the viewer has seen and not disliked, the longest ago first."""
        seen = [one for one in reversed(self.state.seen) if one not in self.state.disliked]
        pairs = ((at, SEEN + 0.999 / (2.0 + rank)) for rank, at in enumerate(self._positions(seen)))
        return self._shown(pairs, limit)

    def rest(self, limit: int, hidden: Collection[int]) -> Ranked:
        """Any other title of the audience, where the trend's order is too short to fill a list."""
        known = {*self._positions(self.state.seen), *self._positions(self.state.disliked), *hidden}
        pairs = ((at, 1.0) for at in range(len(self.table)) if at not in known)
        return self._shown(pairs, limit)

    def fill(self, best: Ranked, limit: int) -> Ranked:
        """A list of `limit` titles that begins with `best`; shorter only where the audience has no more titles."""
        found = list(best)
        makers: tuple[Callable[[], Ranked], ...] = (
            lambda: self.trending(limit - len(found), {at for at, _ in found}),
            lambda: self.rest(limit - len(found), {at for at, _ in found}),
            lambda: self.known(limit - len(found)),
        )
        for make in makers:
            if len(found) < limit:
                found += make()
        return found

    def _positions(self, content_ids: Collection[str]) -> list[int]:
        positions = self.table.positions_of(content_ids)
        return [int(at) for at in positions[positions >= 0]]

    def _shown(self, pairs: Iterable[tuple[int, float]], limit: int) -> Ranked:
        found: Ranked = []
        for at, score in pairs:
            if len(found) >= limit:
                break
            if self.table.may_show(at, self.audience):
                found.append((at, score))
        return found


def top_columns(scores: Floats, limit: int) -> Indices:
    """The columns of the largest scores, descending, ties by column; without those of -inf."""
    if len(scores) > limit:
        border = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        kept = np.flatnonzero(scores >= border)
    else:
        kept = np.arange(len(scores))
    kept = kept[np.isfinite(scores[kept])]
    return kept[np.lexsort((kept, -scores[kept]))][:limit].astype(np.int32)


def similar_scores(model: FittedModel, number: int, found: CandidateSet) -> Floats | None:
    """How similar each candidate is to an item of the model: what its viewers watch, and how its factors lie."""
    pool = found.pool
    if pool is None or not len(pool):
        return None
    item = np.array([number], np.int32)
    together = model.ease.scores(rows_of(model.ease.titles, item), np.ones(1, np.float32))[pool.ease]
    return np.asarray(_scaled(together) + cosines(pool.factors, model.factors[number]), dtype=np.float32)


def cosines(factors: Floats, one: Floats) -> Floats:
    """The cosine of each row with one vector; 0 for rows without length."""
    length = np.sqrt(np.einsum("ij,ij->i", factors, factors)) * float(np.sqrt(one @ one))
    found: Floats = np.divide(factors @ one, length, out=np.zeros(len(factors), np.float32), where=length > 1e-12)
    return found


def _scaled(values: Floats) -> Floats:
    top = float(np.abs(values).max(initial=0.0))
    return values / top if top > 0 else values


def spread_out(ranked: Ranked, factors_of: Callable[[int], Floats | None], limit: int, share: float) -> Ranked:
    """The best `limit` of a list, each as unlike those before it as `share` (0 to 1) asks for (MMR).

    The scores stay in descending order: each place has the score that the list had there.
    """
    if share <= 0 or len(ranked) <= 2:
        return ranked[:limit]
    vectors = [factors_of(at) for at, _ in ranked]
    scores = np.array([score for _, score in ranked])
    reach = (scores - scores.min()) / max(1e-9, float(scores.max() - scores.min()))
    closest = np.zeros(len(ranked))
    left = np.ones(len(ranked), dtype=bool)
    chosen: list[int] = []
    known = np.stack([np.zeros(1, np.float32) if one is None else one for one in vectors]) if all(
        one is not None for one in vectors
    ) else None  # fmt: skip
    while len(chosen) < min(limit, len(ranked)):
        value = np.where(left, (1 - share) * reach - share * closest, -np.inf)
        best = int(value.argmax())
        chosen.append(best)
        left[best] = False
        if known is not None:
            closest = np.maximum(closest, cosines(known, known[best]))
    return [(ranked[at][0], float(score)) for at, score in zip(chosen, scores[: len(chosen)], strict=True)]
