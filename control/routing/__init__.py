"""Which edges viewers are sent to: health, probes, ranking."""
