"""What a run measured: totals by percentile and over time, as JSON, as a page, on the terminal, and compared."""
