"""Who may be shown which title, one by one and all at once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.recommend.serving.title_table import TitleTable
from services.recommend.titles import Audience, RecommendTitle

COUNTRIES = st.one_of(st.none(), st.lists(st.sampled_from(["DE", "FR", "US"]), max_size=3).map(tuple))
TITLES = st.lists(
    st.builds(
        RecommendTitle,
        st.integers(0, 9).map(str),
        COUNTRIES,
        st.just(1.0),
        st.booleans(),
        st.sampled_from([None, 0, 12, 18]),
        st.booleans(),
    ),
    max_size=30,
)
AUDIENCES = st.builds(Audience, st.sampled_from([None, "DE", "US"]), st.booleans(), st.sampled_from([None, 0, 12, 21]))


@settings(max_examples=40, deadline=None)
@given(TITLES, AUDIENCES)
def test_the_mask_is_what_each_title_says(titles, audience):
    table = TitleTable()
    for title in titles:
        table.upsert(title)
    latest = {title.content_id: title for title in titles}
    expected = [
        one.is_listed
        and (one.countries is None or audience.country in one.countries)
        and (one.playable or not audience.playable)
        and (audience.maturity is None or (one.maturity or 0) <= audience.maturity)
        for one in (latest[title.content_id] for title in table.titles)
    ]
    assert table.shown_mask(audience).tolist() == expected
    assert [table.may_show(at, audience) for at in range(len(table))] == expected


def test_positions_stay_while_the_table_grows():
    table = TitleTable()
    for number in range(3000):
        assert table.upsert(RecommendTitle(str(number), None, float(number), True, published="2026-11-30")) == number
    assert table.upsert(RecommendTitle("7", ("DE",), 1.0, False)) == 7
    assert table.positions_of(["7", "none"]).tolist() == [7, -1]
    columns = table.columns()
    assert len(columns.licence) == 3000
    assert (columns.published[0], columns.published[7]) == (20261130, 0)


def test_episodes_are_found_by_their_series():
    table = TitleTable()
    for name, parent in (("e1", "season"), ("season", "series"), ("e2", "season"), ("series", None), ("film", None)):
        table.upsert(RecommendTitle(name, None, 1.0, True, is_listed=parent is None, parent=parent))
    assert table.series_of("e1") == table.series_of("season") == table.series_of("series") == "series"
    assert table.series_of("film") == "film"
    assert table.series_of("unknown") == "unknown"
    assert table.episodes_of("series") == 2
    table.upsert(RecommendTitle("e2", (), 1.0, True, is_listed=False, parent="other"))
    assert (table.episodes_of("series"), table.episodes_of("other"), table.episodes_of("film")) == (1, 1, 0)
    table.upsert(RecommendTitle("series", None, 1.0, True, parent="season"))
    assert table.series_of("e1")  # a circle of parents ends
