"""The words and rules that all programs share: no I/O, no clock."""
