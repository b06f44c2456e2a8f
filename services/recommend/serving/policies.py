"""What other policies would choose of a few titles: each model of the blend alone, and the trend. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.recommend.models.blend import FittedModel, component_scores
from services.recommend.serving.lists import ListMaker, viewer_history
from services.recommend.vocabulary import COMPONENTS


def choose_by_policy(maker: ListMaker, model: FittedModel | None, among: Sequence[str]) -> dict[str, str]:
    """The contentId that each policy, by name, would show first; a policy that says nothing of them is left out."""
    found, position = maker.candidates, maker.table.position
    rank = {int(at): number for number, at in enumerate(found.order.tolist())}
    choices = {"trend": min(among, key=lambda one: rank.get(position.get(one, -1), len(rank)))}
    positions = maker.table.positions_of(among)
    known = positions[(positions >= 0) & (positions < len(found.column))]
    columns = found.column[known]
    if model is None or found.pool is None or len(columns) < len(among) or (columns < 0).any():
        return choices
    history = viewer_history(model, maker.state)
    if not len(history):
        return choices
    names = [name for name in COMPONENTS if model.weights.get(name)]
    scores = component_scores(model, history, found.pool.part(columns), names)
    return choices | {name: among[int(row.argmax())] for name, row in zip(names, scores, strict=True)}
