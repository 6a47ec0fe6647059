"""The village desk: intake, cases, handover, line. Light, SQLite only, usable for weeks without a line."""
