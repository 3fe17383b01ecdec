"""The `starling` command: one module for each subcommand."""
