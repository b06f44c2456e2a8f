"""The stories that ship with Matinee."""

from pathlib import Path

import pytest

from loadtest.stories.reader import population_of, read_story

ROOT = Path(__file__).resolve().parents[3]
STORIES = sorted((ROOT / "loadtest/stories").glob("*.toml"))


def test_the_ten_stories_are_there():
    assert {path.stem for path in STORIES} == {
        "evening-peak", "premiere", "long-tail", "edge-dies", "origin-dies",
        "region-dies", "control-dies", "purge-storm", "token-expiry", "attack",
    }  # fmt: skip


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_each_is_sound_and_expects_something(path):
    story = read_story(path.read_text(encoding="utf-8"), path.name)
    assert story.name == path.stem
    assert story.summary.endswith(".")
    assert story.expect.always
    assert population_of(story)


def test_a_story_that_is_read_without_bounds_checks_expectations_too():
    story = read_story(STORIES[0].read_text(encoding="utf-8"), "x")
    always, measured = story.expect.read()
    assert len(always) == len(story.expect.always)
    assert len(measured) == len(story.expect.where_measured)
