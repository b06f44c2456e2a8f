"""The shared words: complete tables, and names that fit everywhere they go."""

import re

import pytest

from kernel.vocabulary import (
    REFUSAL_STATUS,
    REGION,
    TIER_LINES,
    Outcome,
    Refusal,
    Tier,
    is_content_id,
    rendition_height,
)


def test_every_refusal_has_a_status_and_every_tier_its_lines():
    assert set(REFUSAL_STATUS) == set(Refusal)
    assert set(REFUSAL_STATUS.values()) <= {400, 401, 403, 404, 429, 451, 504, 508}
    assert set(TIER_LINES) == set(Tier)


@pytest.mark.parametrize("word", [*Refusal, *Outcome])
def test_words_fit_into_headers_logs_and_metrics(word):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", word)
    assert str(word) == word.value


@pytest.mark.parametrize("text", ["a", "A1", "film_1-x", "9", "x" * 64])
def test_content_ids(text):
    assert is_content_id(text)


@pytest.mark.parametrize("text", ["", "-a", "_a", "a.b", "a/b", "a b", "é", "x" * 65, "a\n", "..", "a\0"])
def test_no_content_ids(text):
    assert not is_content_id(text)


@pytest.mark.parametrize(
    ("text", "fits"), [("eu", True), ("eu-west-1", True), ("EU", False), ("-e", False), ("", False)]
)
def test_regions(text, fits):
    assert bool(REGION.fullmatch(text)) is fits


@pytest.mark.parametrize(
    ("folder", "height"),
    [
        ("v720", 720),
        ("v720-2", 720),
        ("v2160-11", 2160),
        ("v7", None),
        ("v720hevc", 720),
        ("v2160hdr-2", 2160),
        ("v720-hevc", None),
        ("v720-", None),
        ("audio", None),
        ("V720", None),
        ("v720\n", None),
        ("v٧٢٠", None),
        ("", None),
        ("xv720", None),
    ],
)
def test_the_height_in_a_renditions_folder(folder, height):
    assert rendition_height(folder) == height
