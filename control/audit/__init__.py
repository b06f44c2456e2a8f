"""The audit log: entries, the keyed chain, its key file, verification and pruning."""
