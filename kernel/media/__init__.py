"""What Matinee knows of media: ladders, playlists, CMCD."""
