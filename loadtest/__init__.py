"""Viewers that behave like players; speaks only HTTP."""
