"""The tiered segment cache: one door, RAM and disk, one eviction rule."""
