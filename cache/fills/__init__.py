"""Running fills: one fetch with many readers, its states, request collapsing, hit-for-miss."""
