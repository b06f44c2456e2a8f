"""Compares the recommendations with other models, on ratings that you have."""
