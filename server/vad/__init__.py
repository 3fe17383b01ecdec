"""Speech scoring shared by all sessions."""
