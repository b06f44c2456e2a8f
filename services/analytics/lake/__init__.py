"""The lake: events and views as Parquet in a folder or a bucket, written exactly once, read by DuckDB and Spark."""
