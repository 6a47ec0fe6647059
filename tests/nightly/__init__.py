"""What needs rights or time that a test run on every machine does not have. Start at `__main__.py`."""
