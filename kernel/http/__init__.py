"""HTTP as pure functions: messages, freshness, conditions, ranges (RFC 9110, 9111, 9112)."""
