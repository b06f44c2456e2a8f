"""What carries out the players' requests: the asyncio driver for high counts, and the Locust user."""
