"""Moving signed, numbered entries between neighbours. Knows no tier and no case; bodies are opaque bytes.

Start at `sync/PROTOCOL.md`, then `core.journal`, `core.link`, `ledger`.
"""
