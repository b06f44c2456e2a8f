"""The platform's event log: what players, playback and nodes report, kept in order until each consumer has read it."""
