"""What the event log holds of lists: who saw which arm, and what was drawn at random; as JSON. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct


class Exposure(Struct, frozen=True, rename="camel"):
    """A viewer was shown a list of an arm at `at` (Unix seconds); `propensity` is the probability of the arm."""

    experiment_id: str
    user: str
    arm: str
    at: float
    propensity: float
    country: str = ""
    surface: str = ""
    device: str = ""


class Draw(Struct, frozen=True, rename="camel"):
    """A title that was drawn for one place of a list: `propensity` is its probability among those drawn from.

    `choices` is what each policy would have put there, among the same titles; `version` that of the model.
    """

    draw_id: str
    user: str
    content: str
    at: float
    propensity: float
    choices: dict[str, str]
    version: str = ""


class SeenRecord(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The body of a record about one viewer; the viewer is the record's subject, and in the body nowhere.

    `items` are the first titles of the list: its impressions.
    """

    event: str
    at: float
    surface: str = ""
    device: str = ""
    hour: int | None = None
    source: str = ""
    version: str = ""
    items: tuple[str, ...] = ()
    arms: tuple[tuple[str, str, float], ...] = ()
    draw: tuple[str, str, float, dict[str, str]] | None = None


SEEN = "impressions"
_decoder = msgspec.json.Decoder(SeenRecord)


def read_seen(body: bytes, user: str, country: str) -> tuple[list[Exposure], list[Draw]]:
    """The exposures and draws of a record; none for any other record, and without a viewer."""
    if not user:
        return [], []
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [], []
    if found.event != SEEN:
        return [], []
    seen = [
        Exposure(name, user, arm, found.at, share, country, found.surface, found.device)
        for name, arm, share in found.arms
    ]
    if found.draw is None:
        return seen, []
    draw_id, content, propensity, choices = found.draw
    return seen, [Draw(draw_id, user, content, found.at, propensity, choices, found.version)]
