"""Purges and prefetches: the job log, dispatch to shields first and then edges, receipts, status."""
