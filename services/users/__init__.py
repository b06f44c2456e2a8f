"""Accounts: who may log in, with which profiles, devices and plan; and what the law asks of data about people."""
