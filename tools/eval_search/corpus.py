"""The films to search: real ones from a file, and made-up ones up to the size that is asked for."""

from __future__ import annotations

import gzip
import itertools
import random
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kernel.errors import BadSettings

MAX_TITLE_WORDS = 9
MAX_DRAWS = 10_000
"""Titles drawn in a row that are known already: few films have words for few others."""
START, END = "", "\0"


class FilmLine(msgspec.Struct):
    """A line of the file of films."""

    title: str
    year: int | None = None
    cast: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    extract: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Film:
    """A film of the evaluation; `real` ones are searched for, the others only stand in the way."""

    content_id: str
    title: str
    year: int | None
    genres: tuple[str, ...]
    cast: tuple[str, ...]
    text: str
    popularity: float
    real: bool

    @property
    def half(self) -> int:
        """The half of the films that it belongs to: weights are chosen on half 0, figures come from half 1."""
        return zlib.crc32(self.title.encode()) & 1


def read_films(path: Path) -> list[FilmLine]:
    """The films of a file of JSON lines, gzipped or not. Raises BadSettings naming the line."""
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        raise BadSettings("films", f"{path} cannot be read: {error}") from None
    films = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            films.append(msgspec.json.decode(line, type=FilmLine))
        except msgspec.MsgspecError as error:
            raise BadSettings("films", f"{path}, line {number}: {error}") from None
    return films


def make_corpus(films: Sequence[FilmLine], size: int, seed: int) -> list[Film]:
    """The real films with popularities drawn at random, and made-up titles in the words of real ones up to `size`.

    Raises BadSettings when the real titles have too few words for so many.
    """
    rng = random.Random(seed)  # noqa: S311 (an evaluation must repeat)
    made = [_film(f"f{number}", one.title, one, True, rng) for number, one in enumerate(films[:size])]
    follows = _word_pairs(films)
    known = {one.title for one in films}
    while len(made) < size:
        drawn = (_make_title(follows, rng) for _ in range(MAX_DRAWS if films else 0))
        title = next((one for one in drawn if one not in known), None)
        if title is None:
            raise BadSettings("titles", f"{len(films)} films have words for {len(made)} titles, not for {size}")
        known.add(title)
        made.append(_film(f"s{len(made)}", title, rng.choice(films), False, rng))
    return made


def _film(content_id: str, title: str, like: FilmLine, real: bool, rng: random.Random) -> Film:
    text = like.extract or like.description
    popularity = 10 ** rng.gauss(1.2, 0.8) * (1 + len(text) / 400)
    return Film(content_id, title, like.year, like.genres, like.cast, text, popularity, real)


def _word_pairs(films: Sequence[FilmLine]) -> dict[str, list[str]]:
    follows: dict[str, list[str]] = defaultdict(list)
    for film in films:
        words = [START, *film.title.split(), END]
        for first, second in itertools.pairwise(words):
            follows[first].append(second)
    return follows


def _make_title(follows: dict[str, list[str]], rng: random.Random) -> str:
    """A title whose neighbouring words stand so in real titles."""
    words: list[str] = []
    word = START
    while len(words) < MAX_TITLE_WORDS:
        word = rng.choice(follows[word])
        if word == END:
            break
        words.append(word)
    return " ".join(words)
