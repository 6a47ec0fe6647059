"""The pages and the JSON interface that every node serves: server-rendered, usable without JavaScript.

Never decides anything about a case: it asks `office.desk` and `office.worklists` and shows what they say.
Next: `app` (assembly), `guards` (who gets in), `errors` (what a refusal looks like).
"""
