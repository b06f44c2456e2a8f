"""Kafka between the event log and the lake, for more than one machine: a forwarder and a consumer (extra `kafka`)."""
