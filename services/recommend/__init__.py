"""Recommendations from stored feedback, with trends and popularity as the fallback."""
