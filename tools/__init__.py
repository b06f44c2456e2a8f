"""The `matinee` command and the small programs beside the product."""
