"""The disk tier: object files and their index, loading, writing, removal, recovery at start."""
