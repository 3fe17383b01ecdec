"""Read-only subscribers to sessions, on whatever replica the session runs."""
