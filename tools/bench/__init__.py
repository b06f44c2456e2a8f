"""`make bench`: our server and its peer measured in turn, in one run, on one machine."""
