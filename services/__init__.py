"""Catalogue, playback, search, recommendations, and the gateway in front of them.

One process runs all parts, or those that `--only` names.
"""
