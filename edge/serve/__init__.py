"""One viewer's request, from the parsed head to the last byte: handler, fast path, responses, limits, access log."""
