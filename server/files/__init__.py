"""Recorded files through the same engine, for every protocol that takes them."""
