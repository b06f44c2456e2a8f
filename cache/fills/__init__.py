"""Running fills: one fetch with many readers, its state machine, request collapsing, hit-for-miss. Pure."""
