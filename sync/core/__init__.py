"""The protocol without I/O: synchronous, no clock, no chance, no database. The simulator runs all of it as it is."""
