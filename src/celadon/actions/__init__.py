"""Verbs. One function = check access, check rules, write, record the change, in one transaction.

Nothing here calls a role: whoever must act on what was written learns of it by the change feed. One file is no verb:
`guests.py`, by which roles end what goes on when whoever began it may not go on with it.
"""
