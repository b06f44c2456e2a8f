"""Edges' popularity reports in, hot title lists for edges out."""
