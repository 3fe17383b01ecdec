"""Where sessions are kept beyond their connection."""
