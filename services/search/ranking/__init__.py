"""Rank candidates: what matches exactly before what resembles it, then by popularity. Pure."""
