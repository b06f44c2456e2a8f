"""Sessions: whether a title plays for this viewer here, and by which address."""
