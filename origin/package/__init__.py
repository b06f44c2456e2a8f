"""Packaging: CMAF segments, playlists and manifests."""
