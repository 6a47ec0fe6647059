"""The network's language: pure values and what they mean. No clock, no I/O. Start at `names` and `wire`."""
