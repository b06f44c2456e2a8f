"""The `matinee token` commands."""
