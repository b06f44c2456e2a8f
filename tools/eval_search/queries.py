"""Queries with known answers, as viewers type them: clean, misspelt, begun, incomplete. Pure."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.search.text.fold import key
from tools.eval_search.corpus import Film

POPULAR = 1500
"""Real films of one half that count as popular."""
SHARE = 0.6
"""The share of a title that a prefix has."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is typed, and the film that is meant."""

    text: str
    film: Film


def make_questions(corpus: Sequence[Film], half: int, count: int, seed: int) -> dict[str, list[Question]]:
    """`count` questions of each kind about the real films of one half."""
    rng = random.Random(seed)  # noqa: S311 (an evaluation must repeat)
    films = [film for film in corpus if film.real and film.half == half and key(film.title).isascii()]
    popular = sorted(films, key=lambda film: -film.popularity)[:POPULAR]

    def draw(
        make: Callable[[Film], str], fits: Callable[[Film], bool] = lambda _: True, among: Sequence[Film] = films
    ) -> list[Question]:
        pool = [film for film in among if fits(film)]
        return [Question(make(film), film) for film in rng.sample(pool, min(count, len(pool)))]

    return {
        "clean": draw(lambda film: film.title),
        "one typo": draw(lambda film: mistype(key(film.title), rng), _letters(5)),
        "two typos": draw(lambda film: mistype(mistype(key(film.title), rng), rng), _letters(8)),
        "cast + word": draw(
            lambda film: f"{rng.choice(film.cast)} {rng.choice(key(film.title).split())}", lambda film: bool(film.cast)
        ),
        "popular prefix": draw(begin, _letters(5), popular),
        "prefix": draw(begin, _letters(5)),
        "prefix + typo": draw(lambda film: mistype(begin(film), rng), _letters(8)),
        "word dropped": draw(lambda film: drop_word(film, rng), lambda film: len(key(film.title).split()) > 2),
    }


def _letters(least: int) -> Callable[[Film], bool]:
    return lambda film: len(key(film.title)) >= least


def begin(film: Film) -> str:
    """The first part of a title."""
    line = key(film.title)
    return line[: max(3, round(len(line) * SHARE))].strip()


def drop_word(film: Film, rng: random.Random) -> str:
    """A title without one of its words."""
    words = key(film.title).split()
    words.pop(rng.randrange(len(words)))
    return " ".join(words)


def mistype(line: str, rng: random.Random) -> str:
    """A line with one typing error behind its first letter: a letter added, left out, wrong, or two exchanged."""
    at = rng.randrange(1, len(line))
    letter = rng.choice(string.ascii_lowercase)
    match rng.choice(("add", "drop", "swap", "wrong")):
        case "add":
            return line[:at] + letter + line[at:]
        case "drop":
            return line[:at] + line[at + 1 :]
        case "swap" if at < len(line) - 1:
            return line[:at] + line[at + 1] + line[at] + line[at + 2 :]
        case _:
            return line[:at] + letter + line[at + 1 :]
