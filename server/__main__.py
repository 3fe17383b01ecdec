"""`python -m server`: the same as the `starling` command."""

from server.cli.main import app

app()
