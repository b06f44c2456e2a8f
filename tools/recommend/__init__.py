"""Commands about the recommendations of a running service: experiments and their reports, and how its lists do."""
