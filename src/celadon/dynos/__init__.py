"""The dyno manifold: keeps the dynos that run equal to the formation that was asked for.

role.py        the loop: wakes on the change feed, on exits, on dynos that begin to listen
manager.py     ensure(): look at everything, take in what happened, take the steps that are due
findings.py    what has happened, as values
plans.py       what is to be done, for every app
ledger.py      what either means for a dyno's row and for the log
launch.py      release + slug + config vars → a running container
threads.py     those who start, signal and remove containers
listening.py   whether a web dyno accepts connections
rendezvous.py  attached one-offs: a client's terminal, joined to a dyno's
chunks.py      output in the pieces that Heroku's clients expect
phase.py       the release phase: its output, its end
"""
