"""Catalogue, playback, search, recommendations and the gateway before them: one process, or one part each."""
