"""The viewers' services: catalogue, playback, search, recommend, and the gateway before them."""
