"""Facet counts are the number of results that the filter of their value leaves."""

import random
from dataclasses import replace

import pytest

from services.search.index import stages
from services.search.index.entry import IndexedPerson, genre_key
from services.search.index.facets import Facet, count_facets
from services.search.query.filters import Filters, filter_clauses, passes
from services.search.text.fold import key
from tests.services.search.conftest import entry

FILTER = {
    Facet.GENRE: lambda filters, value: replace(filters, genres=(*filters.genres, genre_key(value))),
    Facet.YEAR: lambda filters, value: replace(filters, year_from=value, year_to=value),
    Facet.LANGUAGE: lambda filters, value: replace(filters, language=value),
    Facet.MATURITY: lambda filters, value: replace(filters, maturity=value),
    Facet.TIER: lambda filters, value: replace(filters, tier=value),
    Facet.SERIES: lambda filters, value: replace(filters, series=value),
    Facet.CAST: lambda filters, value: replace(filters, cast=(key(value),)),
    Facet.PLAYABLE: lambda filters, value: replace(filters, playable=value),
}


@pytest.fixture
def filled(searched):
    rng = random.Random(3)
    return searched.fill(
        *(
            entry(
                f"t{n}",
                rng.choice(["Night", "Nights", "Knight", "Dark Night", "Light"]),
                year=rng.choice([None, 1990, 1991, 2000]),
                genres=tuple(rng.sample(["Drama", "Comedy", "Sci-Fi"], rng.randint(0, 2))),
                people=(IndexedPerson(rng.choice(["Ann Lee", "Bo Ek"])),),
                countries=rng.choice([None, ("DE",), ("FR",), ()]),
                maturity=rng.choice([None, 6, 12, 18]),
                tier=rng.choice([None, "hd", "uhd"]),
                languages=tuple(rng.sample(["de", "en"], rng.randint(0, 2))),
                kind=rng.choice(["film", "series", "episode"]),
                rating=rng.choice([None, 3.0, 8.0]),
                playable=rng.random() < 0.5,
                popularity=rng.random(),
            )
            for n in range(400)
        )
    )


@pytest.mark.parametrize("text", ["night", "nihgt", "", "dark night"])
@pytest.mark.parametrize("filters", [Filters("DE"), Filters(None), Filters("FR", ("drama",), maturity=12)])
def test_a_count_is_what_the_filter_finds(filled, text, filters):
    snapshot = filled.index.snapshot
    everything = filled.run(text, filters).everything()
    counts = count_facets(snapshot, everything, filter_clauses(filters), tuple(Facet), {})
    for facet in Facet:
        assert counts[facet], facet
        for bucket in counts[facet]:
            if facet is Facet.PLAYABLE and not bucket["value"]:
                continue  # There is no filter for titles that cannot be played.
            narrow = FILTER[facet](filters, bucket["value"])
            again = filled.run(text, narrow).everything()
            assert stages.count_titles(snapshot, again, filter_clauses(narrow)) == bucket["count"], (facet, bucket)


def test_clauses_and_predicate_agree(filled):
    snapshot = filled.index.snapshot
    for filters in (
        Filters("DE", year_from=1991), Filters("FR", year_to=1990), Filters("DE", rating_from=5.0),
        Filters("DE", tier="sd"), Filters(None, series=True), Filters("DE", series=False, playable=True),
        Filters("DE", cast=("ann lee",), language="de"), Filters("DE", maturity=6),
    ):  # fmt: skip
        rows = stages.fetch_popular(snapshot, stages.all_titles(), filter_clauses(filters), 1000)
        assert rows
        assert {row.content_id for row in rows} == {
            row.content_id for row in snapshot.rows.values() if passes(row, filters)
        }
