"""Requests to upstreams: selection, retries, connection pools, and the HTTP/1.1 client."""
