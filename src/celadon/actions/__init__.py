"""Verbs. One function = check access, check rules, write, record the change, in one transaction.

Nothing here calls a role: whoever must act on what was written learns of it by the change feed.
"""
