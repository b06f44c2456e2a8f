"""The virtual player besides hls.js in a real Chromium, over the same shaped lines.

`python -m loadtest.compare_hlsjs` prints the table of docs/loadtest.md. It needs Chromium, ffmpeg, and a development
set-up.
"""
