"""HTTP/2 from viewers (RFC 9113): frames, streams, flow control and priorities, framed by hand on `hpack` alone."""
