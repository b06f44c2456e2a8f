"""One upstream fetch with many readers: what is requested, what is stored, which readers are released."""
