"""The disk tier: object files, the journal, loading, writing, removal, recovery."""
