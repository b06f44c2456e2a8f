"""Media formats: encoding ladders, playlists, manifests, CMCD."""
