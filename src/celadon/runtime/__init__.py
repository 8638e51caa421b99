"""How containers run: the Runtime port (protocol.py), crun behind it, and what belongs to it on the host."""
