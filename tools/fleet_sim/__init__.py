"""`make fleet-sim`: a control and a thousand simulated agents on this machine."""
