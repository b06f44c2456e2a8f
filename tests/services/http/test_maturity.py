"""Which ages a title is shown to."""

import pytest

from services.http.maturity import is_suitable


@pytest.mark.parametrize(
    ("minimum_age", "limit", "shown"),
    [(None, 0, True), (None, None, True), (18, None, True), (12, 12, True), (13, 12, False), (0, 0, True)],
)
def test_suitable_titles(minimum_age, limit, shown):
    assert is_suitable(minimum_age, limit) is shown
