"""The origin's HTTP door: handlers, conditional responses, access log."""
