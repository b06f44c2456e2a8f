"""What control and nodes say to one another: messages, jobs, hot lists, identities, signatures. Pure."""
