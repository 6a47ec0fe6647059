"""The whole network under faults, in virtual time, from a seed."""
