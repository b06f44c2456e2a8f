"""Popularity reports in, hot titles out."""
