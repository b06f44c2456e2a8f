"""The `matinee fleet` commands."""
