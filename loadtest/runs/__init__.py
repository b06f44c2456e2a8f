"""One run: find what can be played, play it, do to the platform what the story says, watch, judge, report."""
