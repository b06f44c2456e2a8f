"""Where viewers are sent: health of edges, probes, ranking."""
