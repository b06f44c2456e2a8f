"""Who may speak: the certificate authority, enrolment, peers, API keys."""
