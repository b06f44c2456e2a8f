"""One upstream fetch with many readers: what is asked, what may be stored, who is released, who is too slow."""
