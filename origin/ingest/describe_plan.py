"""A plan in a few words, for the progress output."""

from __future__ import annotations

from origin.encode.plan import EncodePlan
from origin.encode.source import DROP_SENTENCES, counted


def describe_plan(plan: EncodePlan) -> str:
    """The source, and what of it is left out."""
    left = [f"; left out: {one.what}: {DROP_SENTENCES[one.reason]}" for one in plan.dropped]
    return plan.source.describe() + "".join(left)


def describe_sound(plan: EncodePlan) -> str:
    """`2 audio tracks`."""
    return counted(len(plan.audio), "audio track") if plan.audio else "no audio"
