"""One viewer's request, from the parsed head to the last byte sent."""
