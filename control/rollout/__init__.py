"""Settings pushed to canaries first, then in waves, and reverted on harm."""
