"""From what a title is (genres, years, cast, words) to the iALS factors that its viewers would give it.

A ridge regression over hashed features of the watched titles. It places titles that nobody has watched yet, also those
that come into the catalogue after the training.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from services.recommend.models.ease import invert_symmetric
from services.recommend.models.interactions import Floats, Indices
from services.recommend.titles import TitleText

BUCKETS = 1 << 15
MAX_PEOPLE = 10
MAX_WORDS = 2_000
MAX_FITTED = 6_000
"""Watched titles that the regression is fitted to, the most-watched ones: it inverts a matrix among them."""
BLOCKS = {"genre": 1.0, "year": 1.0, "people": 0.6, "words": 1.6}
"""The length of each kind of feature in a title's vector."""
_WORD = re.compile(r"[^\W_]{3,40}")
_COMMON = frozenset({
    "the", "and", "for", "with", "his", "her", "their", "from", "its", "she", "they", "that", "this", "was", "who",
    "are", "which", "film", "films", "directed", "starring", "american", "into", "has", "have", "had", "but", "not",
    "out", "when", "after", "him", "them", "one", "two", "about", "been", "also", "were", "than", "over",
})  # fmt: skip


@dataclass(frozen=True)
class ContentModel:
    """`rarity` is the weight of each bucket; `projection` maps a title's vector to iALS factors."""

    rarity: Floats
    projection: Floats

    def factors(self, titles: Sequence[TitleText]) -> Floats:
        """The factors that titles would have."""
        return np.asarray(weigh_features(count_features(titles), self.rarity) @ self.projection, dtype=np.float32)


Counts = dict[str, sparse.csr_matrix]
"""Titles x BUCKETS for each kind of feature."""


def _features(title: TitleText) -> dict[str, Iterable[tuple[str, float]]]:
    words = Counter(word for word in _WORD.findall(_folded(title.text))[:MAX_WORDS] if word not in _COMMON)
    decades = [] if title.year is None else [(f"d{title.year // 10}", 1.0), (f"y{title.year // 5}", 1.0)]
    return {
        "genre": [(f"g:{_folded(genre)}", 1.0) for genre in title.genres],
        "year": decades,
        "people": [(f"p:{_folded(name)}", 1.0) for name in title.people[:MAX_PEOPLE]],
        "words": [(f"w:{word}", 1.0 + float(np.log(count))) for word, count in words.items()],
    }


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def count_features(titles: Sequence[TitleText]) -> Counts:
    """Titles' features by kind, hashed into buckets."""
    entries: dict[str, tuple[list[int], list[int], list[float]]] = {kind: ([], [], []) for kind in BLOCKS}
    for row, title in enumerate(titles):
        for kind, features in _features(title).items():
            rows, columns, values = entries[kind]
            for name, value in features:
                rows.append(row)
                columns.append(zlib.crc32(name.encode()) % BUCKETS)
                values.append(value)
    return {
        kind: sparse.coo_matrix(
            (np.array(values, np.float32), (rows, columns)), shape=(len(titles), BUCKETS), dtype=np.float32
        ).tocsr()
        for kind, (rows, columns, values) in entries.items()
    }


def feature_rarity(counts: Counts) -> Floats:
    """The weight of each bucket: large for features of few titles, 0 for those of fewer than two."""
    titles = next(iter(counts.values())).shape[0]
    having = np.zeros(BUCKETS)
    for found in counts.values():
        having += np.bincount(found.indices, minlength=BUCKETS)
    weights: Floats = np.where(having >= 2, np.log((titles + 1) / (having + 1)) + 1, 0.0).astype(np.float32)
    return weights


def weigh_features(counts: Counts, rarity: Floats) -> sparse.csr_matrix:
    """Titles' vectors: each kind of feature has the length that BLOCKS gives it."""
    total = None
    for kind, found in counts.items():
        weighed = (found @ sparse.diags(rarity)).tocsr()
        length = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
        scale = np.divide(BLOCKS[kind], length, out=np.zeros_like(length), where=length > 0)
        part = sparse.diags(scale.astype(np.float32)) @ weighed
        total = part if total is None else total + part
    return sparse.csr_matrix(total, dtype=np.float32)


def fit_content(titles: Sequence[TitleText], factors: Floats, viewers: Floats, ridge: float) -> ContentModel:
    """Fit to watched titles; those with many viewers count more, because their factors are surer."""
    kept: Indices = np.sort(np.lexsort((np.arange(len(viewers)), -viewers))[:MAX_FITTED]).astype(np.int32)
    if not len(kept):
        return ContentModel(np.zeros(BUCKETS, np.float32), np.zeros((BUCKETS, factors.shape[1]), np.float32))
    counts = count_features([titles[row] for row in kept])
    rarity = feature_rarity(counts)
    vectors = weigh_features(counts, rarity)
    certainty = np.sqrt(viewers[kept] + 5.0)
    kernel = np.array((vectors @ vectors.T).toarray(), dtype=np.float32, order="F")
    diagonal = np.arange(len(kernel))
    kernel[diagonal, diagonal] += (ridge * certainty.mean() / certainty).astype(np.float32)
    dual = invert_symmetric(kernel) @ factors[kept]
    return ContentModel(rarity, np.asarray(vectors.T @ dual, dtype=np.float32))
