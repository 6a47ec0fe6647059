"""What every node is, whatever its tier: desk, accounts, projections, web assembly. Start at `node.py`."""
