"""A fresh schema equals a migrated one."""
