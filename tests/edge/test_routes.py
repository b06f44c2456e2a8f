"""Routes: how requests of one kind are treated."""

from edge.routes import PLAIN


def test_without_settings_only_objects_of_many_slices_are_cached_in_slices():
    assert PLAIN.slice_over >= 4 * PLAIN.slice
