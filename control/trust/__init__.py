"""Certificates and keys: the certificate authority, enrolment, peers' roles, API keys, viewers' tokens."""
