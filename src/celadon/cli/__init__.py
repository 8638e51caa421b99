"""`celadon`: a client of the HTTP API. Here is what leads to a command, and from it to an exit status; what the command
does is in `commands`, which reach a platform by `connection`, a person by `terminal`; `plugins` bring commands of others."""
