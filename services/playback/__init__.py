"""Playback: start a session if the title is licensed, select its edges, steer players between them."""
