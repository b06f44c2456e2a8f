"""Shared by all programs that serve HTTP with aiohttp: listeners, connection limits, timeouts, problem responses."""
