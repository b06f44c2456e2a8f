"""Select a session's edges, and steer players between them."""
