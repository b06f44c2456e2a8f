"""Bytes to requests and responses to bytes: HTTP/1.1 now."""
