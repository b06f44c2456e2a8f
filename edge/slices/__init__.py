"""Large objects cached in aligned slices: which slice is fetched when, and which consumers wait for it."""
