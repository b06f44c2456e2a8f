"""`matinee analytics …`: reports of what viewers saw, as tables."""
