"""Queries: what viewers ask, with its hints, filters and synonyms. Pure."""
