"""The life of a case: events, the fold, the one table of lawful acts, clocks and visibility.

Pure: no I/O, no clock, no chance. Start at `lifecycle` (the table, drawn in `LIFECYCLE.md`), then
`events`, then `fold`.
"""
