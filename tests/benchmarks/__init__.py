"""Figures taken in one run, ending with one JSON line each."""
