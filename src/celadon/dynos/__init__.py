"""The dyno manifold: keeps the dynos that run equal to the formation that was asked for.

role.py        the loop: wakes on the change feed, on exits, on dynos that begin to listen
manager.py     ensure(): look at everything, take the steps of model.formation.diff
ledger.py      what an event means for a dyno's row and for the log
launch.py      release + slug + config vars → a running container
rendezvous.py  attached one-offs: a client's terminal, joined to a dyno's
phase.py       the release phase: its output, its end
memory.py      R14 and R15
"""
