"""The doors for code: SSH and smart HTTP. A push becomes a source archive and a build row; see `receive.py`."""
