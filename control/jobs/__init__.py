"""Purges and prefetches: the log, tier by tier dispatch, receipts, status."""
