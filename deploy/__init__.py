"""Set-up and operation. `__main__.py` needs only the standard library; `--help` teaches."""
