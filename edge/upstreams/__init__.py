"""Asking upstream: which one, over which connection, how often, and the HTTP/1.1 client."""
