"""Bytes and tables that must not change by accident."""
