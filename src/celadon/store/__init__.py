"""The store: the only place with SQL, and the only place that knows how a row becomes a value of the model.

One module for each noun, with find, list, insert, update. `database.py` is all the difference between SQLite and
PostgreSQL. `lines.py` and `blobs.py` keep what is state but no row.
"""
