"""Tests that retell stories and attack. `architecture` holds the house rules, `support` what several suites share."""
