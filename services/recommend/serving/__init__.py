"""Serving: lists from loaded models, the latest marks of viewers, and what a country watches now."""
