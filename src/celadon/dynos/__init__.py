"""The dyno manifold: keeps the dynos that run equal to the formation that was asked for.

role.py          the loop: wakes on the change feed, on exits, on dynos that begin to listen
manager.py       ensure(): look at everything, take in what happened, take the steps that are due
findings.py      what has happened, as values
plans.py         what is to be done, for every app
ledger.py        what either means for a dyno's row and for the log
launch.py        release + slug + config vars → a running container
threads.py       those who start, signal and remove containers
listening.py     whether a web dyno accepts connections
rendezvous.py    attached one-offs and exec sessions: a client's terminal, joined to a dyno's
exec_sessions.py what is run in a dyno beside its process
chunks.py        output in the pieces that Heroku's clients expect
status_line.py   the line that tells an attached client the exit status
statuses.py      the exit statuses of one-offs that cannot print that line
phase.py         the release phase: its output, its end
samples.py       what dynos use: R14, metrics
"""
