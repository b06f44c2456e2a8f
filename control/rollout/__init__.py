"""Settings rolled out to canaries first, then in waves, and reverted when they do harm."""
