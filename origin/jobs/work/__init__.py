"""Workers: the loop that leases steps, what each step does, and the ways to the queue (its database, or HTTP)."""
