"""The township centre: work lists, handling, villages. Start at `__main__.py`."""
