"""Object stores: one interface, a folder and an S3 bucket, and what is stacked on them."""
