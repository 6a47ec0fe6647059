"""The county: network, catalogue, audit and departments' windows. Start at `__main__.py`."""
