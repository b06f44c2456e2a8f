"""Control's HTTP API for operators: one module per subject, one table of routes (`openapi.py`)."""
