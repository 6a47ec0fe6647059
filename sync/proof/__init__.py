"""`tongban-verify`: what a proof file proves to somebody who trusts no node, only the county root's digest.

Imports the language, the pure core and a cryptography library, nothing of a node (RULINGS C6): a court, an auditor or a
neighbour county can read all of it in an hour. Start at `file` (what a proof file holds), then `checking`, `words`.
"""
