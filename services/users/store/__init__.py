"""The tables of accounts, and every statement on them."""
