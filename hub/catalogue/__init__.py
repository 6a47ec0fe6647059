"""The county's catalogue desk: editions come in from files, with a report before anything changes.

See `importing`, which reads, `preflight`, which judges, and `workbook`.
"""
