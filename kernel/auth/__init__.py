"""Tokens, claims, signing keys, licences, countries. Pure."""
