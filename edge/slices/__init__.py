"""Large objects cached in aligned slices: which slice is fetched when, and how a response is put together from them."""
