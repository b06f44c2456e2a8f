"""The edge as a member of a fleet: the control stream, signed state, jobs, receipts, reports."""
