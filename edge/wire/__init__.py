"""Bytes to requests and responses to bytes: the server side of HTTP/1.1, from the accept loop to the socket."""
