"""The segment cache: one interface (`cache.cache.SegmentCache`) over a RAM tier and a disk tier. See README.md."""
