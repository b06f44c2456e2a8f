"""A PoP: answers viewers from the segment cache. The shield is the same program in another role."""
