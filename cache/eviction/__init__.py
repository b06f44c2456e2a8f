"""Eviction policies behind one small interface."""
