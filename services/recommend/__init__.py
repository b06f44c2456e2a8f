"""What to watch next, from stored feedback; trends and popularity where it knows nothing."""
