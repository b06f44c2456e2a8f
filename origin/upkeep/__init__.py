"""Upkeep of the stores: scrubbing, garbage collection, the cold tier, and when each is done."""
