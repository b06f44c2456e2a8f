"""Encoding: the ladder by one ffmpeg call, and thumbnails."""
