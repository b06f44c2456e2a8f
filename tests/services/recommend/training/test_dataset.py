"""Marks become interactions."""

from services.recommend.training.dataset import InteractionsBuilder

ROWS = [
    ("v", "b", 1, 0, 0, -1.0, 7.0, "DE"),
    ("v", "a", 0, 1, 0, -1.0, 6.0, ""),
    ("u", "a", -1, 1, 0, 1.0, 5.0, "DE"),
    ("u", "c", 0, 1, 0, 0.02, 5.0, "FR"),
    ("u", "b", 0, 0, 0, 0.5, 4.0, "FR"),
]


def build(rows, titles=("z",)):
    builder = InteractionsBuilder()
    builder.add_rows(rows[:2])
    builder.add_rows(rows[2:])
    return builder.build(titles)


def test_what_speaks_against_its_title_is_left_out():
    found = build(ROWS)
    assert (list(found.users), list(found.items), list(found.countries)) == (["u", "v"], ["a", "b", "z"], ["DE", "FR"])
    assert list(zip(found.user, found.item, found.weight.tolist(), found.at, found.country, strict=True)) == [
        (0, 1, 0.75, 4.0, 1),
        (1, 0, 1.0, 6.0, -1),
        (1, 1, 1.0, 7.0, 0),
    ]


def test_the_order_of_the_rows_does_not_matter():
    one, other = build(ROWS), build(ROWS[::-1])
    assert one.users == other.users
    for name in ("user", "item", "weight", "at", "country"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_no_rows_make_no_interactions():
    found = build([])
    assert (len(found), list(found.items)) == (0, ["z"])


def test_episodes_count_once_for_their_series():
    builder = InteractionsBuilder({"s1": "s", "s2": "s"})
    builder.add_rows(
        [("u", "s1", 0, 0, 0, 0.5, 5.0, "DE"), ("u", "s2", 0, 0, 0, 0.2, 9.0, "FR"), ("u", "x", 1, 0, 0, -1.0, 7.0, "")]
    )
    found = builder.build(["s", "x"])
    assert [found.items[number] for number in found.item] == ["x", "s"]
    assert found.weight.tolist() == [1.0, 0.75]
    assert found.at.tolist() == [7.0, 9.0]
