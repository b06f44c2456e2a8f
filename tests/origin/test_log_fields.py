"""The table of log fields; that lines have these fields is seen in test_app."""

from origin.log_fields import LOG_FIELDS


def test_each_field_has_its_sentence():
    """Once each."""
    assert len({field.name for field in LOG_FIELDS}) == len(LOG_FIELDS)
    assert all(field.sentence.endswith(".") for field in LOG_FIELDS)
