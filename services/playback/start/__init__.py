"""Decide whether a title may be played, and respond with its URLs."""
