"""The catalogue owns titles and their licences, and keeps a change log that other services follow."""
