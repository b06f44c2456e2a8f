"""Eviction policies behind one protocol, and admission to the disk tier. Pure."""
