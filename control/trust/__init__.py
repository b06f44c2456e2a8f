"""Certificates and keys: the authority, enrolment, peers' roles, API keys, admin keys, viewers' tokens."""
