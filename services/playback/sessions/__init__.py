"""Sessions, the streams of an account, positions, and what ends them."""
