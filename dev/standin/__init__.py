"""The Oracle stand-in as a command: the server, with billing data behind it."""
